import { expect } from 'chai';
import { catchError, concatMap, delay, filter, lastValueFrom, map, of, Subject, take, toArray } from 'rxjs';
import { blockPerPage } from '../../lib/operators/blockPerPage.js';
import { checkpointEvery } from '../../lib/operators/checkpointEvery.js';
import { recoverFrom } from '../../lib/operators/recoverFrom.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import { memoryCheckpoints } from '../../lib/checkpoints/memoryCheckpoints.js';
import { polling } from '../../lib/readers/polling.js';
import { kinesisShard } from '../../lib/sources/kinesisShard.js';
import { marbles } from '../../lib/testing/index.js';
import { isInvalidConfig } from '../../lib/values/errors.js';
import { inLetters, instantKinesis, PASSING, quickReading, quickShard } from '../support/quick-shard.js';
import { synchronousPort } from '../support/synchronous-port.js';
import { thrownBy } from '../support/thrown-by.js';

describe('blockPerPage behind a shard', () => {
  it(
    'makes a block of each page, in the frame in which it comes',
    marbles(({ expectObservable }) => {
      const shard = quickShard(instantKinesis({ shards: { 0: '(abc)-d----(ef|)' } }));
      const blocks$ = shard.pipe(blockPerPage(), withSequenceRanges(), map(inLetters));
      expectObservable(blocks$).toBe('x-----y----(z|)', { x: 'abc', y: 'd', z: 'ef' });
    }),
  );

  it(
    'splits no page and joins none, though the pages of a backlog come without a pause',
    marbles(({ expectObservable }) => {
      const reader = polling({ idleDelayMs: 1, maxRecordsPerPage: 3 });
      const shard = quickShard(instantKinesis({ shards: { 0: 'abcdefgh|^' } }), { reader });
      expectObservable(
        shard.pipe(
          blockPerPage(),
          map((page) => page.map(inLetters).join('')),
        ),
      ).toBe('(xyz|)', { x: 'abc', y: 'def', z: 'gh' });
    }),
  );

  it('does so in real time too, with a port that answers synchronously', async () => {
    const shard = kinesisShard({
      ...quickReading(),
      client: synchronousPort('abcdefghij'),
      shardId: 'shardId-000000000000',
      reader: polling({ maxRecordsPerPage: 4 }),
    });
    const pages$ = shard.pipe(
      blockPerPage(),
      map((page) => page.map(inLetters).join('')),
      take(3),
      toArray(),
    );
    expect(await lastValueFrom(pages$)).to.deep.equal(['abcd', 'efgh', 'ij']);
  });

  it(
    'makes blocks of what a filter has left of a page, and none where it has left nothing',
    marbles(({ expectObservable }) => {
      const shard = quickShard(instantKinesis({ shards: { 0: '(abc)--(de)---f|' } }));
      const blocks$ = shard.pipe(
        filter((record) => 'acf'.includes(inLetters(record))),
        blockPerPage(),
        withSequenceRanges(),
        map(inLetters),
      );
      expectObservable(blocks$).toBe('x-------------y|', { x: 'ac', y: 'f' });
    }),
  );

  it(
    'has emitted each page before the error of the next read',
    marbles(({ expectObservable }) => {
      const faults = [{ method: 'getRecords', error: PASSING, fromMs: 3 }] as const;
      const shard = quickShard(instantKinesis({ shards: { 0: '(ab)' }, faults }));
      const pages$ = shard.pipe(
        blockPerPage(),
        map((page) => page.map(inLetters).join('')),
        catchError((error: unknown) => of((error as Error).name)),
      );
      expectObservable(pages$).toBe('x--(e|)', { x: 'ab', e: 'ShardReadError' });
    }),
  );

  it(
    'stands above recoverFrom: nothing is lost or repeated when a read fails',
    marbles(({ expectObservable }) => {
      const store = memoryCheckpoints();
      const kinesis = instantKinesis({
        shards: { 0: '(ab)-c--(de)|' },
        faults: [{ method: 'getRecords', error: PASSING, fromMs: 2, times: 1 }],
      });
      const work$ = quickShard(kinesis, { store }).pipe(
        blockPerPage(),
        withSequenceRanges(),
        recoverFrom(store, { random: () => 0 }),
        concatMap((block) => of(block).pipe(delay(1))),
        checkpointEvery(5),
        map(inLetters),
      );
      expectObservable(
        work$.pipe(
          toArray(),
          map((texts) => texts.join('')),
        ),
      ).toBe('12ms (n|)', { n: 'abcde' });
    }),
  );

  it('keeps its time by the scheduler that it is given', () => {
    const scheduled: Array<() => void> = [];
    const scheduler = { now: () => 0, schedule: (work: () => void) => (scheduled.push(work), new Subject<never>().subscribe()) };
    const emitted: number[][] = [];
    const source = new Subject<number>();
    source.pipe(blockPerPage({ scheduler: scheduler as never })).subscribe((page) => emitted.push(page));
    source.next(1);
    source.next(2);
    expect(emitted).to.deep.equal([]);
    expect(scheduled).to.have.length(1);
  });

  it('refuses what is no scheduler, and an unknown option', () => {
    expect(isInvalidConfig(thrownBy(() => blockPerPage({ scheduler: {} as never })))).to.equal(true);
    expect(isInvalidConfig(thrownBy(() => blockPerPage({ maxWait: 1 } as never)))).to.equal(true);
  });
});

import { expect } from 'chai';
import { bufferCount, concatMap, delay, of, tap, timer, type MonoTypeOperatorFunction, type Observable } from 'rxjs';
import { memoryCheckpoints } from '../../lib/checkpoints/memoryCheckpoints.js';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import { checkpointEvery } from '../../lib/operators/checkpointEvery.js';
import { mergeShards } from '../../lib/operators/mergeShards.js';
import { recoverFrom } from '../../lib/operators/recoverFrom.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import { isStopTimeout } from '../../lib/shards/errors.js';
import type { Shard } from '../../lib/shards/shard.js';
import { kinesisStream } from '../../lib/sources/kinesisStream.js';
import { fakeKinesis } from '../../lib/testing/kinesis/fakeKinesis.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import { record } from '../../lib/testing/record.js';
import type { Block } from '../../lib/values/block.js';
import { fastReading, textsOf } from '../support/fast-reading.js';

/** What runs over the same store have seen. */
interface Seen {
  readonly done: string[];
  readonly types: KinesisEvent['type'][];
  error?: unknown;
}

/** Work of 30 ms a block, which fails once: at record c. */
function failingOnce({ done }: Seen, failures: { left: number }): MonoTypeOperatorFunction<Block> {
  return concatMap((block) =>
    of(block).pipe(
      delay(30),
      tap(({ records }) => {
        if (textsOf(records) === 'c' && failures.left-- > 0) throw new Error('work');
        done.push(textsOf(records));
      }),
    ),
  );
}

/** Runs a pipeline for a minute, and then again over the same store. */
function twoRuns(pipeline: (blocks$: Observable<Block>, work: MonoTypeOperatorFunction<Block>) => Observable<Block>): Seen[] {
  const [store, failures] = [memoryCheckpoints(), { left: 1 }];
  const run = (seen: Seen): Seen => {
    const blocksOf = (shard: Shard) => shard.pipe(bufferCount(1), withSequenceRanges());
    const events = { next: ({ type }: KinesisEvent) => void seen.types.push(type) };
    kinesisStream(fastReading(fakeKinesis({ shards: { 0: '(abcde) 2s f' } }), { store, events, stop: timer(60_000) }))
      .pipe(mergeShards((shard) => pipeline(blocksOf(shard), failingOnce(seen, failures))))
      .subscribe({ error: (error: unknown) => (seen.error = error) });
    return seen;
  };
  const runs = [run({ done: [], types: [] })];
  timer(100_000).subscribe(() => void runs.push(run({ done: [], types: [] })));
  return runs;
}

describe('behind checkpointEvery', () => {
  it(
    'recoverFrom loses nothing: what it re-emits is not settled, which holds the watermark, is told, and comes again after a restart',
    marbles(({ flush }) => {
      const runs = twoRuns((blocks$, work) => blocks$.pipe(work, checkpointEvery(10), recoverFrom()));
      flush();
      const [first, second] = runs as [Seen, Seen];
      expect(first.done.join('')).to.equal('abf');
      expect(first.types).to.include.members(['blockLost', 'recoveryStarted', 'watermarkHeld', 'stopTimedOut']);
      expect(first.error).to.satisfy(isStopTimeout);
      expect(second.done.join('')).to.equal('cde');
    }),
  );

  it(
    'work is lost that fails, also before a second checkpointEvery: the first one has settled its block',
    marbles(({ flush }) => {
      const runs = twoRuns((blocks$, work) => blocks$.pipe(checkpointEvery(10), work, checkpointEvery(10)));
      flush();
      expect(runs.map(({ done }) => done.join(''))).to.deep.equal(['abf', '']);
      expect(runs[0]!.types).to.include('shardRestarted');
    }),
  );

  it(
    'a second one settles nothing more, and holds nothing up, where no work stands between them',
    marbles(({ flush }) => {
      const runs = twoRuns((blocks$, work) => blocks$.pipe(work, checkpointEvery(10), checkpointEvery(20)));
      flush();
      expect(runs.map(({ done }) => done.join(''))).to.deep.equal(['abcdef', '']);
    }),
  );

  it(
    'a second one tells, of blocks made by hand, that its checkpoints are behind what is stored',
    marbles(({ flush }) => {
      const [store, failed] = [memoryCheckpoints(), [] as string[]];
      const events = { next: ({ type }: KinesisEvent) => void (type === 'checkpointFailed' && failed.push(type)) };
      of(1, 2, 3)
        .pipe(
          concatMap((seq) => of([record(seq)]).pipe(delay(20))),
          withSequenceRanges(),
          checkpointEvery(10, { store, events }),
          delay(30),
          checkpointEvery(10, { store, events }),
        )
        .subscribe();
      flush();
      expect(failed).not.to.deep.equal([]);
    }),
  );
});

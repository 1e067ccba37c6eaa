import { expect } from 'chai';
import { bufferCount, concat, concatMap, delay, from, ignoreElements, map, NEVER, of, tap, throwError, timer, type Observable } from 'rxjs';
import type { BlockStore } from '../../lib/blocks/block-store.js';
import { memoryBlocks } from '../../lib/blocks/memoryBlocks.js';
import type { StoredBlock } from '../../lib/blocks/stored-block.js';
import { memoryCheckpoints } from '../../lib/checkpoints/memoryCheckpoints.js';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import { checkpointEvery } from '../../lib/operators/checkpointEvery.js';
import { releaseBlocks, type ReleaseBlocksConfig } from '../../lib/operators/releaseBlocks.js';
import { storeBlocks } from '../../lib/operators/storeBlocks.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import { block, marbles } from '../../lib/testing/index.js';
import { isInvalidConfig } from '../../lib/values/errors.js';
import { instantKinesis, quickShard } from '../support/quick-shard.js';
import { recordingStore, type RecordingStore } from '../support/recording-store.js';

/** Blocks of two records, stored, and worked on one after another for 10 ms each. */
function working(script: string, checkpoints: RecordingStore | undefined, now: () => number, config: ReleaseBlocksConfig = {}) {
  const events: KinesisEvent[] = [];
  const log: string[] = [];
  const inner = memoryBlocks();
  const blocks: BlockStore = {
    ...inner,
    delete: (id) => concat(inner.delete(id), of(0).pipe(tap(() => log.push(`${now()} deleted ${id.split('/')[2]}`)))),
  };
  const shard = quickShard(instantKinesis({ shards: { 0: script } }), {
    events: { next: (event) => void events.push(event) },
    ...(checkpoints && { store: checkpoints }),
  });
  const work = (handle: StoredBlock): Observable<StoredBlock> => of(handle).pipe(delay(10));
  const stored$ = shard.pipe(bufferCount(2), withSequenceRanges(), storeBlocks(blocks, { shard }), checkpointEvery(5));
  const done$ = stored$.pipe(
    concatMap(work),
    releaseBlocks(blocks, config),
    tap(({ id }) => log.push(`${now()} done ${id.split('/')[2]}`)),
  );
  return { blocks, done$, log, events };
}

describe('releaseBlocks', () => {
  it(
    'passes values at once, and deletes their data when a checkpoint that names them no more is written',
    marbles(({ scheduler }) => {
      const checkpoints = recordingStore({ latencyMs: 2, scheduler });
      const { done$, log } = working('abcd^', checkpoints, () => scheduler.now());
      const subscription = done$.subscribe();
      timer(60).subscribe(() => {
        expect(log).to.deep.equal(['10 done 1-2', '17 deleted 1-2', '20 done 3-4', '27 deleted 3-4']);
        expect(checkpoints.kept.map((entry) => entry.split(' ')[0])).to.deep.equal(['7', '17', '27']);
        subscription.unsubscribe();
      });
    }),
  );

  it(
    'deletes nothing more of what waits when it is unsubscribed',
    marbles(() => {
      const deleted: string[] = [];
      const inner = memoryBlocks();
      const blocks: BlockStore = { ...inner, delete: (id) => (deleted.push(id), NEVER) };
      const shard = quickShard(instantKinesis({ shards: { 0: 'abcdefghijklmnopqrstuvwx^' } }));
      const subscription = shard
        .pipe(bufferCount(2), withSequenceRanges(), storeBlocks(inner, { shard }), checkpointEvery(1), releaseBlocks(blocks))
        .subscribe();
      timer(20).subscribe(() => {
        const before = deleted.length;
        subscription.unsubscribe();
        // Twelve blocks, and as many deletes at once as there are lanes.
        expect([before, deleted.length]).to.deep.equal([8, 8]);
      });
    }),
  );

  it(
    'keeps the data for retainMs after that',
    marbles(({ scheduler }) => {
      const { done$, log } = working('ab^', recordingStore({ scheduler }), () => scheduler.now(), { retainMs: 30 });
      const subscription = done$.subscribe();
      timer(100).subscribe(() => {
        expect(log).to.deep.equal(['10 done 1-2', '45 deleted 1-2']);
        subscription.unsubscribe();
      });
    }),
  );

  it(
    'keeps the data as long as the checkpoint cannot be written',
    marbles(({ scheduler }) => {
      const checkpoints = recordingStore({ scheduler });
      const { done$, log } = working('ab^', checkpoints, () => scheduler.now());
      const subscription = done$.subscribe();
      timer(8).subscribe(() => checkpoints.refuse(new Error('throttled'), 1_000));
      timer(200).subscribe(() => {
        expect(log).to.deep.equal(['10 done 1-2']);
        subscription.unsubscribe();
      });
    }),
  );

  it(
    'deletes at once where there is no checkpoint store',
    marbles(({ scheduler }) => {
      const { done$, log } = working('ab^', undefined, () => scheduler.now());
      const subscription = done$.subscribe();
      timer(100).subscribe(() => {
        expect(log).to.deep.equal(['10 deleted 1-2', '10 done 1-2']);
        subscription.unsubscribe();
      });
    }),
  );

  it(
    'writes a last checkpoint when the source completes, deletes what is left, and then completes',
    marbles(({ scheduler }) => {
      const checkpoints = recordingStore({ latencyMs: 2, scheduler });
      const { done$, log } = working('abcd^|', checkpoints, () => scheduler.now(), { retainMs: 1_000 });
      done$.subscribe({ complete: () => log.push(`${scheduler.now()} complete`) });
      timer(100).subscribe(() => {
        const deleted = log.filter((entry) => entry.includes('deleted'));
        expect(deleted).to.have.members(['22 deleted 1-2', '22 deleted 3-4']);
        expect(log.at(-1)).to.equal('22 complete');
        expect(checkpoints.kept.at(-1)).to.match(/^22 (4|SHARD_END)$/);
      });
    }),
  );

  it(
    'tells of a delete that failed, and goes on',
    marbles(({ scheduler }) => {
      const { blocks, done$, events } = working('ab^', undefined, () => scheduler.now());
      blocks.delete = () => throwError(() => new Error('disk'));
      let seen = 0;
      const subscription = done$.subscribe(() => seen++);
      timer(50).subscribe(() => {
        const told = events.flatMap((event) => (event.type === 'blockStoreFailed' ? [`${event.action} ${event.blockId}`] : []));
        expect([seen, told]).to.deep.equal([1, ['delete stream/shardId-000000000000/1-2/2']]);
        subscription.unsubscribe();
      });
    }),
  );

  it(
    'deletes nothing more after an error',
    marbles(({ scheduler }) => {
      const { done$, log } = working('ab^', recordingStore({ scheduler }), () => scheduler.now(), { retainMs: 30 });
      const failing = (): Observable<never> =>
        timer(20).pipe(
          map(() => {
            throw new Error('downstream');
          }),
        );
      done$.pipe(concatMap(failing)).subscribe({ error: () => undefined });
      timer(100).subscribe(() => expect(log).to.deep.equal(['10 done 1-2']));
    }),
  );

  it(
    'deletes the block of whatever carries ranges, also of a block made by hand',
    marbles(() => {
      const blocks = memoryBlocks();
      const one = block(1, 2);
      const left: string[] = [];
      concat(
        from(blocks.put(one)),
        of({ ranges: one.ranges, result: 7 }).pipe(releaseBlocks(blocks)),
        from(blocks.list()).pipe(tap((id) => left.push(id))),
      )
        .pipe(ignoreElements())
        .subscribe();
      expect(left).to.deep.equal([]);
    }),
  );

  for (const config of [{ retainMs: -1 }, { requestTimeoutMs: 0 }, { retainMs: NaN }]) {
    it(`refuses ${JSON.stringify(config)}`, () => {
      expect(() => releaseBlocks(memoryBlocks(), config))
        .to.throw()
        .that.satisfies(isInvalidConfig);
    });
  }

  it('refuses to retain blocks for ever, whose ranges would stay in memory, and says what to do', () => {
    expect(() => releaseBlocks(memoryBlocks(), { retainMs: Infinity }))
      .to.throw(/^retainMs: .* Infinity: .* a store whose delete does nothing$/)
      .that.satisfies(isInvalidConfig);
  });

  it('works with a store that keeps no unreleased blocks: a checkpoint passes a block when it is released', () => {
    const positions: string[] = [];
    marbles(({ scheduler }) => {
      const inner = memoryCheckpoints();
      const store = {
        ...recordingStore({
          inner: {
            read: (shard) => inner.read(shard),
            write: (one, shard) => (positions.push(one.sequenceNumber), inner.write(one, shard)),
          },
          scheduler,
        }),
      };
      const { done$ } = working('abcd^', store, () => scheduler.now());
      const subscription = done$.subscribe();
      timer(60).subscribe(() => subscription.unsubscribe());
    })();
    expect(positions).to.deep.equal(['2', '4']);
  });
});

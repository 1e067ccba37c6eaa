import { expect } from 'chai';
import { bufferCount, concatMap, defer, delay, EMPTY, from, map, NEVER, of, tap, throwError, timer, type Observable } from 'rxjs';
import type { BlockStore } from '../../lib/blocks/block-store.js';
import { BlockStoreError } from '../../lib/blocks/errors.js';
import { memoryBlocks } from '../../lib/blocks/memoryBlocks.js';
import type { StoredBlock } from '../../lib/blocks/stored-block.js';
import type { Checkpoint, CheckpointStore } from '../../lib/checkpoints/checkpoint-store.js';
import { memoryCheckpoints } from '../../lib/checkpoints/memoryCheckpoints.js';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import { checkpointEvery } from '../../lib/operators/checkpointEvery.js';
import { loadBlocks } from '../../lib/operators/loadBlocks.js';
import { mergeShards } from '../../lib/operators/mergeShards.js';
import { releaseBlocks } from '../../lib/operators/releaseBlocks.js';
import { storeBlocks, type StoreBlocksConfig } from '../../lib/operators/storeBlocks.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import type { Shard } from '../../lib/shards/shard.js';
import { kinesisStream } from '../../lib/sources/kinesisStream.js';
import { block, marbles } from '../../lib/testing/index.js';
import type { Block } from '../../lib/values/block.js';
import { isInvalidConfig, isInvalidValue } from '../../lib/values/errors.js';
import { inLetters, instantKinesis, quickReading, quickShard } from '../support/quick-shard.js';
import { idsHeldBy } from '../support/stored-blocks.js';

/** A block store in memory that notes what it is asked, and whose calls can be replaced. */
function noting(calls: Partial<BlockStore> = {}): BlockStore & { readonly asked: string[] } {
  const inner = { ...memoryBlocks(), ...calls };
  const asked: string[] = [];
  const note = <T>(text: string, call: () => T) => defer(() => (asked.push(text), from(call() as Observable<never>)));
  return {
    asked,
    put: (one) => note(`put ${short(one.id)}`, () => inner.put(one)),
    get: (id) => note(`get ${short(id)}`, () => inner.get(id)),
    delete: (id) => note(`delete ${short(id)}`, () => inner.delete(id)),
    list: () => note('list', () => inner.list()),
  };
}

const short = (id: string): string => id.split('/')[2]!;
const shown = ({ id }: StoredBlock): string => short(id);
const pipeline = (shard: Shard, blocks: BlockStore, config: Partial<StoreBlocksConfig> = {}) =>
  shard.pipe(bufferCount(2), withSequenceRanges(), storeBlocks(blocks, { shard, ...config }));

describe('storeBlocks', () => {
  it(
    'emits at the end of its source the handles of a shard that nobody reads',
    marbles(({ cold, expectObservable }) => {
      const source = cold('  -a-|   ', { a: block(1) });
      const expected = '     ---(x|)';
      const shard = quickShard(instantKinesis({ shards: { 0: '' } }));

      expectObservable(source.pipe(storeBlocks(memoryBlocks(), { shard }), map(shown))).toBe(expected, { x: '1-1' });
    }),
  );

  it('emits a handle that has the id and the ranges instance of its block, and no records', () => {
    const blocks = memoryBlocks();
    const seen: unknown[] = [];
    marbles(() => {
      const shard = quickShard(instantKinesis({ shards: { 0: 'ab^|' } }));
      shard
        .pipe(
          bufferCount(2),
          withSequenceRanges(),
          tap((one) => seen.push(one.ranges, one.id)),
          storeBlocks(blocks, { shard }),
        )
        .subscribe((handle) => seen.push(handle));
    })();
    expect(seen).to.have.length(3);
    expect(Object.keys(seen[2] as object)).to.deep.equal(['id', 'ranges', 'recovered']);
    expect((seen[2] as StoredBlock).ranges).to.equal(seen[0]);
    expect((seen[2] as StoredBlock).id).to.equal(seen[1]);
  });

  it(
    'tries a put again that failed for now, with full jitter, and tells of each failure',
    marbles(({ expectObservable, scheduler }) => {
      const events: string[] = [];
      let failures = 3;
      const put = () => (failures-- > 0 ? throwError(() => new BlockStoreError('full', { fault: 'full', retriable: true })) : EMPTY);
      const next = (event: KinesisEvent): void =>
        void (event.type === 'blockStoreFailed' && events.push(`${scheduler.now()} ${event.action}`));
      const shard = quickShard(instantKinesis({ shards: { 0: 'ab^|' } }), { events: { next } });
      const config = { retryDelayMs: 8, random: () => 0.5, scheduler };
      // 4, 8 and 16 ms.
      expectObservable(pipeline(shard, noting({ put }), config).pipe(map(shown))).toBe('28ms (x|)', { x: '1-2' });
      scheduler.schedule(() => expect(events).to.deep.equal(['0 put', '4 put', '12 put']), 30);
    }),
  );

  it(
    'errors after maxRetries, and at once when the failure lasts',
    marbles(({ expectObservable, scheduler }) => {
      const failing = (retriable: boolean) =>
        noting({ put: () => throwError(() => new BlockStoreError('no', { fault: 'failed', retriable })) });
      const run = (retriable: boolean) => {
        const shard = quickShard(instantKinesis({ shards: { 0: 'ab^|' } }));
        const blocks = failing(retriable);
        return { blocks, handles$: pipeline(shard, blocks, { maxRetries: 2, retryDelayMs: 8, random: () => 0.5, scheduler }) };
      };
      const [passing, lasting] = [run(true), run(false)];
      const error = (retriable: boolean) => new BlockStoreError('no', { fault: 'failed', retriable });
      expectObservable(passing.handles$).toBe('12ms #', undefined, error(true));
      expectObservable(lasting.handles$).toBe('#', undefined, error(false));
      scheduler.schedule(() => {
        expect(passing.blocks.asked.filter((call) => call.startsWith('put'))).to.have.length(3);
        expect(lasting.blocks.asked.filter((call) => call.startsWith('put'))).to.have.length(1);
      }, 20);
    }),
  );

  it(
    'counts a put that is never answered as failed',
    marbles(({ expectObservable, scheduler }) => {
      const shard = quickShard(instantKinesis({ shards: { 0: 'ab^|' } }));
      const handles$ = pipeline(shard, noting({ put: () => NEVER }), { requestTimeoutMs: 7, maxRetries: 0, scheduler });
      const timeout = new BlockStoreError('put: the block store was not done within 7 ms', { fault: 'timeout', retriable: true });
      expectObservable(handles$).toBe('-------#', undefined, timeout);
    }),
  );

  it(
    'settles nothing by a put that failed: the checkpoint stays before its block',
    marbles(({ expectObservable, scheduler }) => {
      const checkpoints = memoryCheckpoints();
      let puts = 0;
      const put = () => (++puts < 2 ? EMPTY : throwError(() => new BlockStoreError('no', { fault: 'failed', retriable: false })));
      const shard = quickShard(instantKinesis({ shards: { 0: 'abcd^' } }), { store: checkpoints });
      const stored$ = pipeline(shard, noting({ put })).pipe(checkpointEvery(1), map(shown));
      expectObservable(stored$).toBe('(x#)', { x: '1-2' }, new BlockStoreError('no', { fault: 'failed', retriable: false }));
      scheduler.schedule(() => {
        from(checkpoints.read(identityOf(shard))).subscribe((checkpoint) => expect(checkpoint?.sequenceNumber).to.equal('2'));
      }, 5);
    }),
  );

  for (const [how, end] of [
    ['is unsubscribed', NEVER],
    ['errors', timer(5).pipe(concatMap(() => throwError(() => new BlockStoreError('no', { fault: 'failed', retriable: false }))))],
  ] as const) {
    it(
      `puts nothing of what waits when it ${how}: a worker that has lost its lease writes no block`,
      marbles(() => {
        const shard = quickShard(instantKinesis({ shards: { 0: 'abcdef^' } }));
        const blocks = noting({ put: () => end });
        const subscription = pipeline(shard, blocks).subscribe({ error: () => undefined });
        timer(7).subscribe(() => {
          subscription.unsubscribe();
          expect(blocks.asked.filter((call) => call.startsWith('put'))).to.deep.equal(['put 1-2']);
        });
      }),
    );
  }

  it(
    'refuses a block of another shard',
    marbles(() => {
      const own = quickShard(instantKinesis({ shards: { 0: '', 1: 'ab^|' } }), {}, 1);
      let error: unknown;
      own
        .pipe(
          map(() => block(1)),
          storeBlocks(memoryBlocks(), { shard: own }),
        )
        .subscribe({ error: (reason: unknown) => (error = reason) });
      timer(5).subscribe(() => expect(error).to.satisfy(isInvalidValue));
    }),
  );

  for (const shard of [undefined, null, {}, NEVER]) {
    it(`refuses ${shard === NEVER ? 'another Observable' : JSON.stringify(shard)} as a shard`, () => {
      expect(() => storeBlocks(memoryBlocks(), { shard: shard as never }))
        .to.throw(/shard/)
        .that.satisfies(isInvalidConfig);
    });
  }
});

describe('blocks that an earlier run left', () => {
  /** Everything that outlives a process, and what was worked on. */
  interface Place {
    readonly script: string;
    readonly checkpoints: CheckpointStore;
    readonly blocks: BlockStore & { readonly asked: string[] };
    readonly log: string[];
  }
  const newPlace = (script: string): Place => ({
    script,
    checkpoints: memoryCheckpoints(),
    blocks: noting(),
    log: [],
  });

  /** One process with Spark's placement; it ends, without a word, after `lifeMs`. */
  const process = ({ script, checkpoints, blocks, log }: Place, lifeMs: number, workMs: number): void => {
    marbles(({ scheduler }) => {
      // The stream is what it was: the same records, under the same numbers.
      const shard = quickShard(instantKinesis({ shards: { 0: script } }), { store: checkpoints });
      const work = (one: Block): Observable<Block> =>
        of(one).pipe(
          delay(workMs),
          tap(() => log.push(inLetters(one))),
        );
      const subscription = pipeline(shard, blocks)
        .pipe(checkpointEvery(1), loadBlocks(blocks, { shard }), concatMap(work), releaseBlocks(blocks))
        .subscribe();
      scheduler.schedule(() => {
        // A crash writes no last checkpoint.
        checkpoints.write = () => NEVER;
        subscription.unsubscribe();
      }, lifeMs);
    })();
  };
  const crash = (place: Place, lifeMs: number, workMs: number): void => {
    const { write } = place.checkpoints;
    process(place, lifeMs, workMs);
    place.checkpoints.write = write;
  };

  it('come first, in order, then the live ones: nothing is lost, nothing twice but what was in hand', () => {
    const place = newPlace('abcdef^');
    crash(place, 25, 10);
    expect(place.log).to.deep.equal(['ab', 'cd']);
    place.log.push('|');
    crash(place, 100, 1);
    expect(place.log).to.deep.equal(['ab', 'cd', '|', 'ef']);
  });

  it('come, recovered, also when the store has lost them all', () => {
    const place = newPlace('abcdef^');
    crash(place, 5, 10);
    expect(place.log).to.deep.equal([]);
    crash({ ...place, blocks: noting() }, 100, 1);
    expect(place.log).to.deep.equal(["ab'", "cd'", "ef'"]);
  });

  it('come, each recovered or not, when the store has lost some of them', () => {
    const place = newPlace('abcdef^');
    crash(place, 5, 10);
    const id = 'stream/shardId-000000000000/3-4/2';
    from(place.blocks.delete(id)).subscribe();
    crash(place, 100, 1);
    expect(place.log).to.deep.equal(['ab', "cd'", 'ef']);
  });

  it('are deleted from the store when no checkpoint names them, and those of other shards are not', () => {
    const place = newPlace('ab^');
    const other = block(9);
    const foreign = { ...other, id: other.id };
    from(place.blocks.put(foreign)).subscribe();
    from(
      place.blocks.put(block(...[1, 2].map((n) => ({ ...other.records[0]!, shardId: 'shardId-000000000007', sequenceNumber: String(n) })))),
    ).subscribe();
    crash(place, 20, 1);
    const left: string[] = [];
    from(place.blocks.list()).subscribe((id) => left.push(id));
    expect(left).to.deep.equal(['stream/shardId-000000000007/1-2/2']);
  });

  it('are deleted once they are worked on and the checkpoint says so', () => {
    const place = newPlace('abcd^');
    crash(place, 40, 3);
    const left: string[] = [];
    from(place.blocks.list()).subscribe((id) => left.push(id));
    expect([place.log, left]).to.deep.equal([['ab', 'cd'], []]);
  });

  for (const [name, checkpoints] of [
    ['copies of the ranges', memoryCheckpoints],
    ['the very ranges of the earlier run', sharingCheckpoints],
  ] as const) {
    it(`are released in the next run, also in one process, when the checkpoints come from a store that gives ${name}`, () => {
      const place = { ...newPlace(''), checkpoints: checkpoints() };
      const run = (script: string, work: (one: Block) => Observable<Block>): void => {
        marbles(({ scheduler }) => {
          const client = instantKinesis({ shards: { 0: script } });
          const subscription = kinesisStream({ client, ...quickReading(), store: place.checkpoints })
            .pipe(
              mergeShards((shard) =>
                pipeline(shard, place.blocks).pipe(
                  checkpointEvery(1),
                  loadBlocks(place.blocks, { shard }),
                  concatMap(work),
                  releaseBlocks(place.blocks),
                ),
              ),
            )
            .subscribe((one) => place.log.push(inLetters(one)));
          scheduler.schedule(() => subscription.unsubscribe(), 20);
        })();
        from(place.checkpoints.read({ streamName: 'stream', shardId: 'shardId-000000000000', parentShardIds: [] })).subscribe(
          (checkpoint) => place.log.push(`at ${checkpoint?.sequenceNumber} + ${checkpoint?.unreleased?.length ?? 0}`),
        );
      };
      run('abcd^', () => NEVER);
      run('abcdef^', (one) => of(one));
      expect(place.log).to.deep.equal(['at 4 + 2', 'ab', 'cd', 'ef', 'at 6 + 0']);
      expect(idsHeldBy(place.blocks)).to.deep.equal([]);
    });
  }

  it('come again when the pipeline is restarted in the same process', () => {
    const place = newPlace('abcdef^');
    let failures = 1;
    marbles(({ scheduler }) => {
      const shard = quickShard(instantKinesis({ shards: { 0: place.script } }), { store: place.checkpoints });
      const work = (one: Block): Observable<Block> =>
        of(one).pipe(
          delay(10),
          tap(() => {
            if (inLetters(one) === 'cd' && failures-- > 0) throw new Error('work');
            place.log.push(inLetters(one));
          }),
        );
      const shards$ = of(shard).pipe(
        mergeShards(
          (own) =>
            pipeline(own, place.blocks).pipe(
              checkpointEvery(1),
              loadBlocks(place.blocks, { shard: own }),
              concatMap(work),
              releaseBlocks(place.blocks),
            ),
          { restart: { initialDelayMs: 2 }, random: () => 0.5 },
        ),
      );
      const subscription = shards$.subscribe();
      scheduler.schedule(() => subscription.unsubscribe(), 100);
    })();
    expect(place.log).to.deep.equal(['ab', 'cd', 'ef']);
  });

  for (const supervised of [true, false]) {
    it(`hold back SHARD_END until they are released, ${supervised ? 'under mergeShards' : 'also where nobody supervises the pipeline'}`, () => {
      const place = newPlace('abcd^|');
      const written: string[] = [];
      const released: number[] = [];
      const releasedAtEnd: number[] = [];
      marbles(({ scheduler }) => {
        const store: CheckpointStore = {
          ...place.checkpoints,
          write: (checkpoint, of) => {
            written.push(`${checkpoint.sequenceNumber} +${checkpoint.unreleased?.length ?? 0}`);
            if (checkpoint.sequenceNumber === 'SHARD_END') releasedAtEnd.push(released.length);
            return place.checkpoints.write(checkpoint, of);
          },
        };
        const shard = quickShard(instantKinesis({ shards: { 0: place.script } }), { store });
        const run = (own: Shard) =>
          pipeline(own, place.blocks).pipe(
            checkpointEvery(1),
            loadBlocks(place.blocks, { shard: own }),
            concatMap((one) => of(one).pipe(delay(10))),
            releaseBlocks(place.blocks),
          );
        const values$ = supervised ? of(shard).pipe(mergeShards(run)) : run(shard);
        values$.subscribe(() => released.push(scheduler.now()));
      })();
      expect(written[0]).to.equal('4 +2');
      expect(written.at(-1)).to.equal('SHARD_END +0');
      // The last is released before its value is passed on.
      expect(Math.min(...releasedAtEnd)).to.be.at.least(1);
      expect(written.filter((entry) => entry.startsWith('SHARD_END'))).to.deep.equal(['SHARD_END +0']);
    });
  }

  it('are not passed by a checkpoint in a store that cannot name them', () => {
    const place = newPlace('abcdef^');
    const positions: string[] = [];
    const checkpoints: CheckpointStore = {
      read: (shard) => place.checkpoints.read(shard),
      write: (checkpoint, shard) => (positions.push(checkpoint.sequenceNumber), place.checkpoints.write(checkpoint, shard)),
    };
    crash({ ...place, checkpoints }, 25, 10);
    expect([place.log, positions]).to.deep.equal([
      ['ab', 'cd'],
      ['2', '4'],
    ]);
    place.log.push('|');
    crash({ ...place, checkpoints }, 100, 1);
    expect(place.log).to.deep.equal(['ab', 'cd', '|', 'ef']);
  });
});

function identityOf({ streamName, shardId, parentShardIds }: Shard) {
  return { streamName, shardId, parentShardIds };
}

/** A store that gives the very objects that were written. */
function sharingCheckpoints(): CheckpointStore {
  let kept: Checkpoint | undefined;
  return { keepsUnreleased: true, read: () => defer(() => of(kept)), write: (checkpoint) => defer(() => ((kept = checkpoint), EMPTY)) };
}

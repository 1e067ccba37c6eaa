import { expect } from 'chai';
import {
  bufferCount,
  concat,
  concatMap,
  defer,
  EMPTY,
  from,
  ignoreElements,
  interval,
  map,
  NEVER,
  of,
  retry,
  tap,
  timer,
  type Observable,
} from 'rxjs';
import type { BlockStore } from '../../lib/blocks/block-store.js';
import { memoryBlocks } from '../../lib/blocks/memoryBlocks.js';
import type { StoredBlock } from '../../lib/blocks/stored-block.js';
import { memoryCheckpoints } from '../../lib/checkpoints/memoryCheckpoints.js';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import { checkpointEvery } from '../../lib/operators/checkpointEvery.js';
import { releaseBlocks } from '../../lib/operators/releaseBlocks.js';
import { storeBlocks, type StoreBlocksConfig } from '../../lib/operators/storeBlocks.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import type { KinesisShardConfig } from '../../lib/sources/kinesisShard.js';
import { block, marbles } from '../../lib/testing/index.js';
import type { ShardIdentity } from '../../lib/values/shard-id.js';
import { idsIn } from '../support/block-store-contract.js';
import { instantKinesis, quickShard } from '../support/quick-shard.js';
import { recordingStore } from '../support/recording-store.js';
import { holding, idsHeldBy } from '../support/stored-blocks.js';

const idOf = (from: number, to: number): string => `stream/shardId-000000000000/${from}-${to}/2`;
const fail = (): never => {
  throw new Error('work');
};
const shown = ({ id }: StoredBlock): string => id.split('/')[2]!;

/** The handles of a shard's records, two in a block, stored in `blocks`. */
function stored(blocks: BlockStore, config: Partial<StoreBlocksConfig> = {}, script = 'abcd^|', fields: Partial<KinesisShardConfig> = {}) {
  const failures: string[] = [];
  const next = (event: KinesisEvent): void => void (event.type === 'blockStoreFailed' && failures.push(event.action));
  const shard = quickShard(instantKinesis({ shards: { 0: script } }), { events: { next }, ...fields });
  const handles$ = shard.pipe(bufferCount(2), withSequenceRanges(), storeBlocks(blocks, { shard, ...config }), map(shown));
  return { failures, handles$ };
}

/** A store with the blocks that an earlier run has left, whose calls can be replaced. */
function left(calls: (inner: BlockStore) => Partial<BlockStore>, ...blocks: (readonly number[])[]): BlockStore {
  const inner = holding(Object.fromEntries(blocks.map((positions, i) => [i, block(...positions)])));
  return { ...inner, ...calls(inner) };
}

describe('storeBlocks deletes the blocks that no checkpoint names beside its puts, so that these do not wait', () => {
  const slow: Readonly<Record<string, (inner: BlockStore) => Partial<BlockStore>>> = {
    'that never answers a list': () => ({ list: () => NEVER }),
    'whose list never ends': (inner) => ({ list: () => concat(inner.list() as Observable<string>, interval(2).pipe(map(String))) }),
    'that never answers a delete': () => ({ delete: () => NEVER }),
  };
  for (const [name, calls] of Object.entries(slow)) {
    it(
      `for a store ${name}; it completes after requestTimeoutMs`,
      marbles(({ expectObservable, scheduler }) => {
        const { handles$, failures } = stored(left(calls, [7, 8]), { requestTimeoutMs: 5, scheduler });
        expectObservable(handles$).toBe('(xy)-|', { x: '1-2', y: '3-4' });
        scheduler.schedule(() => expect(failures).to.deep.equal([name.includes('delete') ? 'delete' : 'list']), 10);
      }),
    );
  }

  it(
    'for one whose deletes all hang, however many they are',
    marbles(({ expectObservable, scheduler }) => {
      const forgotten = Array.from({ length: 20 }, (_, i): [number] => [i + 10]);
      const { handles$ } = stored(
        left(() => ({ delete: () => NEVER }), ...forgotten),
        { requestTimeoutMs: 5, scheduler },
      );
      // Eight deletes at once: three rounds.
      expectObservable(handles$).toBe('(xy) 11ms |', { x: '1-2', y: '3-4' });
    }),
  );

  it('and keeps what it puts meanwhile, although an earlier run has left it too', async () => {
    const log: string[] = [];
    // The list begins with what was there, and takes its time.
    const blocks = left(
      (inner) => ({
        list: () => defer(() => from([...idsHeldBy(inner)])).pipe(concatMap((id) => timer(3).pipe(map(() => id)))),
        delete: (id) => defer(() => (log.push(id), inner.delete(id))),
      }),
      [1, 2],
      [3, 4],
      [7, 8],
    );
    marbles(({ expectObservable }) => {
      expectObservable(stored(blocks).handles$).toBe('(xy)-----|', { x: '1-2', y: '3-4' });
    })();
    expect(log).to.deep.equal([idOf(7, 8)]);
    expect(await idsIn(blocks)).to.deep.equal([idOf(1, 2), idOf(3, 4)]);
  });

  it('and deletes none when its source ends before the checkpoint is read, which may name them', () => {
    const blocks = left(() => ({}), [1, 2], [3, 4]);
    marbles(({ expectObservable }) => {
      const { read, write } = memoryCheckpoints();
      const store = { read: (of: ShardIdentity) => timer(5).pipe(concatMap(() => read(of))), write };
      const { handles$ } = stored(blocks, {}, 'abcd^', { store, stop: timer(2) });
      expectObservable(handles$).toBe('--|');
    })();
    expect(idsHeldBy(blocks)).to.deep.equal([idOf(1, 2), idOf(3, 4)]);
  });

  it(
    'and keeps a released one as long as the written checkpoint names it, since it is asked for after a crash',
    marbles(({ scheduler }) => {
      const checkpoints = recordingStore({ scheduler });
      const blocks = memoryBlocks();
      const shard = quickShard(instantKinesis({ shards: { 0: 'abcd^' } }), { store: checkpoints });
      // The work on the second block fails, and the writes from then on too.
      const work = (handle: StoredBlock) => timer(10).pipe(map(() => (shown(handle) === '3-4' ? fail() : handle)));
      const subscription = shard
        .pipe(bufferCount(2), withSequenceRanges(), storeBlocks(blocks, { shard }), checkpointEvery(5), concatMap(work))
        .pipe(releaseBlocks(blocks), retry({ delay: 1 }))
        .subscribe();
      timer(8).subscribe(() => checkpoints.refuse(new Error('throttled'), 1_000));
      timer(25).subscribe(() => {
        expect(checkpoints.kept).to.deep.equal(['5 4']);
        expect(idsHeldBy(blocks)).to.deep.equal([idOf(1, 2), idOf(3, 4)]);
        subscription.unsubscribe();
      });
    }),
  );

  it(
    'and deletes one that was released before a restart, once a checkpoint does not name it any more (regression: it stayed for good if the shard ended)',
    marbles(({ scheduler }) => {
      const checkpoints = recordingStore({ scheduler });
      const blocks = memoryBlocks();
      // Its end is read at once: then `checkpointEvery` has completed when the work fails.
      const shard = quickShard(instantKinesis({ shards: { 0: 'abcd^|' } }), { store: checkpoints });
      let calls = 0;
      const work = (handle: StoredBlock) =>
        shown(handle) === '1-2' ? timer(11).pipe(map(() => handle)) : timer(1).pipe(concatMap(() => (calls++ === 0 ? fail() : NEVER)));
      const subscription = shard
        .pipe(bufferCount(2), withSequenceRanges(), storeBlocks(blocks, { shard }), checkpointEvery(5), concatMap(work))
        .pipe(releaseBlocks(blocks), retry({ delay: 1 }))
        .subscribe();
      timer(25).subscribe(() => {
        expect(checkpoints.kept).to.deep.equal(['1 4', '13 4']);
        expect(idsHeldBy(blocks)).to.deep.equal([idOf(3, 4)]);
        subscription.unsubscribe();
      });
    }),
  );

  it('and puts a block after the delete of it that has begun', async () => {
    const log: string[] = [];
    const noted = (text: string, call: Observable<unknown>) =>
      concat(
        defer(() => (log.push(`${text} begins`), EMPTY)),
        call,
        defer(() => (log.push(`${text} ends`), EMPTY)),
      );
    const blocks = left(
      (inner) => ({
        put: (given) => noted('put', inner.put(given) as Observable<unknown>),
        delete: (id) => noted('delete', timer(5).pipe(concatMap(() => inner.delete(id)))),
      }),
      [1, 2],
    );
    marbles(({ expectObservable }) => {
      expectObservable(stored(blocks, {}, 'ab^|').handles$).toBe('-----(x|)', { x: '1-2' });
    })();
    expect(log).to.deep.equal(['delete begins', 'delete ends', 'put begins', 'put ends']);
    expect(await idsIn(blocks)).to.deep.equal([idOf(1, 2)]);
  });

  it(
    'and begins no more deletes once it is unsubscribed',
    marbles(({ scheduler }) => {
      const deletes: string[] = [];
      const forgotten = Array.from({ length: 20 }, (_, i): [number] => [i + 10]);
      const blocks = left(() => ({ delete: (id) => defer(() => (deletes.push(id), NEVER)) }), ...forgotten);
      const subscription = stored(blocks).handles$.subscribe();
      scheduler.schedule(() => {
        subscription.unsubscribe();
        expect(deletes).to.have.length(8);
      }, 3);
    }),
  );

  it('and lists and deletes 50 000 of them', async function () {
    this.timeout(30_000);
    const blocks = memoryBlocks({ maxBytes: 1e9 });
    const { id } = block(7);
    const list = () => from({ length: 50_000 } as ArrayLike<number>).pipe(map((_, i) => id.replace('7-7', `${i + 10}-${i + 10}`)));
    let deletes = 0;
    const store = { ...blocks, list, delete: () => of(0).pipe(tap(() => deletes++)) };
    marbles(({ expectObservable }) => {
      expectObservable(stored(store).handles$.pipe(ignoreElements())).toBe('-|');
    })();
    expect(deletes).to.equal(50_000);
  });
});

import {
  asyncScheduler,
  concat,
  concatMap,
  defer,
  EMPTY,
  from,
  merge,
  mergeMap,
  of,
  ReplaySubject,
  Subject,
  take,
  tap,
  type Observable,
  type OperatorFunction,
  type SchedulerLike,
} from 'rxjs';
import type { BlockStore } from '../blocks/block-store.js';
import { boundedStore, type BoundedStore } from '../blocks/bounded-store.js';
import type { StoredBlock } from '../blocks/stored-block.js';
import { retryWithBackOff, type BackOff } from '../internal/back-off.js';
import { MAX_TIMER_MS } from '../internal/delay.js';
import { assertFunction, assertInteger, assertKnownFields, assertNumber, assertScheduler, type FieldsOf } from '../internal/validate.js';
import type { Shard } from '../shards/shard.js';
import { hasRanges, misplaced } from '../tracking/misplaced.js';
import { bindSettledBlock, entriesOf } from '../tracking/tracked-block.js';
import type { TrackedShard } from '../tracking/tracked-shard.js';
import { blockId, type Block } from '../values/block.js';
import { isFinal } from '../values/errors.js';
import { ForgottenBlocks } from './forgotten-blocks.js';
import { assertBlockStore, assertOfShard, ownShardOf, reportsFailure } from './stored-blocks.js';
import { withQueue } from './with-queue.js';

/** How {@link storeBlocks} stores. */
export interface StoreBlocksConfig {
  /** The shard that the blocks come from. */
  readonly shard: Shard;
  /** How often a failed put is retried before its error is propagated. From 0 up. @defaultValue 10 */
  readonly maxRetries?: number | undefined;
  /** The bound of the first retry's delay, doubled with each retry, with full jitter; in ms. From 0 up. @defaultValue 1_000 */
  readonly retryDelayMs?: number | undefined;
  /**
   * How long a call to the store may take before it counts as failed, in ms. A store of `blockStore` limits the calls to
   * its tiers itself, by its own `requestTimeoutMs`. From 1 up. @defaultValue 30_000
   */
  readonly requestTimeoutMs?: number | undefined;
  /** The scheduler of all timers. @defaultValue asyncScheduler */
  readonly scheduler?: SchedulerLike | undefined;
  /** Returns a number from 0 up to 1, for the jitter. @defaultValue Math.random */
  readonly random?: (() => number) | undefined;
}

/**
 * Puts each block into a store and emits a small handle, so that blocks wait for their work in the store and not in memory.
 *
 * @remarks
 * First it emits the handles of the blocks that an earlier run, or an earlier subscription, stored and did not release, oldest first;
 * their ranges come from the shard's checkpoint, so it emits them also when the store has lost the blocks. Then it puts one block at a
 * time, in order, and emits its handle when it is stored. Beside that it deletes the store's other blocks of this shard, since no
 * checkpoint names them; it completes after these deletes, and waits for them no longer than four fifths of `stopTimeoutMs` after `stop`.
 *
 * From then on, a checkpoint beyond the block names its ranges, until `releaseBlocks`. With `checkpointEvery` directly after this
 * operator a checkpoint means *safely stored*, and after the work *done*. A checkpoint names at most 100 such ranges, and none in a
 * store that does not keep them (`CheckpointStore.keepsUnreleased`): it then stays before the blocks that it cannot name.
 *
 * Buffers the blocks that wait for their put. A failed put is retried with full jitter; a `blockStoreFailed` event reports each failure.
 * Errors: the store's, after all retries or when it is not retriable, and the block is then not settled; the source's at once.
 * Unsubscribing unsubscribes from the call under way; the stores of this package still finish a put.
 *
 * @param blocks - where to store. Give each application its own: other blocks of the same shard are deleted.
 * @throws InvalidConfigError when called with a number out of range, an invalid store, or a shard that no source has made.
 *
 * @example
 * ```ts
 * shard.pipe(
 *   bufferTime(200),
 *   withSequenceRanges(),
 *   storeBlocks(blocks, { shard }),
 *   checkpointEvery(1_000),
 *   loadBlocks(blocks, { shard }),
 *   concatMap((block) => save(block)),
 *   releaseBlocks(blocks),
 * );
 * ```
 */
export function storeBlocks(blocks: BlockStore, config: StoreBlocksConfig): OperatorFunction<Block, StoredBlock> {
  const { store, tracked, policy } = resolve(blocks, config);

  return (source) =>
    withQueue((turns) => {
      const subscribed$ = new ReplaySubject<void>(1);
      const sourceEnded$ = new ReplaySubject<void>(1);
      // The shard's checkpoint is read once its source is subscribed; blocks that arrive before that wait.
      const opened$ = subscribed$.pipe(concatMap(() => merge(tracked.opened$, sourceEnded$).pipe(take(1))));
      const forgotten = new ForgottenBlocks(store, tracked, turns);
      const known$ = new Subject<readonly string[]>();
      const forget$ = known$.pipe(
        take(1),
        mergeMap((known) => forgotten.deleteAllBut(known)),
      );
      const first$ = turns.run('', opened$.pipe(concatMap(() => emitLeftOver(tracked, (known) => known$.next(known)))));
      const stored$ = source.pipe(
        tap({ next: assertBlock, complete: () => sourceEnded$.next() }),
        mergeMap((block) => turns.run('', forgotten.sparing(block.id, storing(block, store, tracked, policy)))),
      );
      return merge(
        forget$,
        first$,
        stored$,
        defer(() => (subscribed$.next(), subscribed$.complete(), EMPTY)),
      );
    });
}

/** Emits the handles of the blocks that the checkpoint names, then tells their ids. */
function emitLeftOver(tracked: TrackedShard, tellKnown: (ids: readonly string[]) => void): Observable<StoredBlock> {
  return defer(() => {
    const { unreleased } = tracked;
    const leftOver = unreleased.leftOver.map((ranges) => ({ id: blockId(ranges), ranges, recovered: false }));
    for (const { ranges } of leftOver) {
      unreleased.take(ranges);
      if (entriesOf(ranges).length === 0) bindSettledBlock(ranges, tracked);
    }
    return concat(
      from(leftOver),
      defer(() => (tellKnown(leftOver.map(({ id }) => id)), EMPTY)),
    );
  });
}

function storing(block: Block, store: BoundedStore, tracked: TrackedShard, policy: RetryPolicy): Observable<StoredBlock> {
  const { id, ranges, recovered } = block;
  const put$ = defer(() => {
    assertOfShard('storeBlocks', block, tracked);
    return store.put(block);
  }).pipe(
    reportsFailure(tracked, 'put', id),
    retryWithBackOff(() => ({ ...policy, maxDelayMs: MAX_RETRY_DELAY_MS, shouldRetry: (error) => !isFinal(error) })),
  );
  const stored$ = defer(() => {
    tracked.unreleased.add(ranges);
    tracked.tell({ type: 'blockStored', blockId: id, records: ranges.recordCount });
    return of({ id, ranges, recovered });
  });
  return concat(put$, stored$);
}

/** @throws InvalidConfigError for what cannot be stored. */
function assertBlock(value: Block): void {
  if (hasRanges(value) && Array.isArray(value.records)) return;
  const advice = hasRanges(value) ? 'pass on the block itself' : 'put withSequenceRanges before it, and pass on each block by itself';
  throw misplaced('storeBlocks: expected a block with its records', value, advice);
}

type RetryPolicy = Pick<BackOff, 'maxRetries' | 'initialDelayMs' | 'scheduler' | 'random'>;

function resolve(blocks: BlockStore, config: StoreBlocksConfig) {
  assertKnownFields(config, STORE_BLOCKS_FIELDS);
  const { shard, maxRetries = 10, retryDelayMs = 1_000, requestTimeoutMs = 30_000 } = config;
  const { scheduler = asyncScheduler, random = Math.random } = config;
  assertBlockStore(blocks);
  assertInteger('maxRetries', maxRetries, 0);
  assertNumber('retryDelayMs', retryDelayMs, 0);
  assertInteger('requestTimeoutMs', requestTimeoutMs, 1, MAX_TIMER_MS);
  assertScheduler(scheduler);
  assertFunction('random', random);
  const store = boundedStore(blocks, { requestTimeoutMs, scheduler });
  return { store, tracked: ownShardOf(shard), policy: { maxRetries, initialDelayMs: retryDelayMs, scheduler, random } };
}

const STORE_BLOCKS_FIELDS: FieldsOf<StoreBlocksConfig> = {
  shard: true,
  maxRetries: true,
  retryDelayMs: true,
  requestTimeoutMs: true,
  scheduler: true,
  random: true,
};

/** The bound of the delay between two tries of one put, in ms. */
const MAX_RETRY_DELAY_MS = 20_000;

import {
  asyncScheduler,
  catchError,
  concat,
  concatMap,
  defer,
  EMPTY,
  filter,
  ignoreElements,
  merge,
  mergeMap,
  of,
  startWith,
  Subject,
  take,
  takeUntil,
  tap,
  type MonoTypeOperatorFunction,
  type Observable,
  type SchedulerLike,
} from 'rxjs';
import type { BlockStore } from '../blocks/block-store.js';
import { boundedStore, type BoundedStore } from '../blocks/bounded-store.js';
import type { Checkpoint } from '../checkpoints/checkpoint-store.js';
import { delayOf, MAX_TIMER_MS } from '../internal/delay.js';
import { assertInteger, assertKnownFields, assertNumber, assertScheduler, type FieldsOf } from '../internal/validate.js';
import { hasRanges, misplaced } from '../tracking/misplaced.js';
import { entriesOf } from '../tracking/tracked-block.js';
import type { TrackedShard } from '../tracking/tracked-shard.js';
import { blockId } from '../values/block.js';
import { InvalidConfigError } from '../values/errors.js';
import { comparePositions } from '../values/position.js';
import { endOf, type SequenceNumberRanges } from '../values/sequence-range.js';
import { assertBlockStore, cleansUp, reportsFailure } from './stored-blocks.js';
import { withQueue } from './with-queue.js';

/** How {@link releaseBlocks} releases. */
export interface ReleaseBlocksConfig {
  /**
   * How long a block stays in the store after its checkpoint, for other readers, in ms. Until then its ranges are kept in memory. To keep blocks
   * for good, give a store whose `delete` does nothing. From 0 up. @defaultValue 0
   */
  readonly retainMs?: number | undefined;
  /**
   * How long a call to the store may take before it counts as failed, in ms. A store of `blockStore` limits the calls to
   * its tiers itself, by its own `requestTimeoutMs`. From 1 up. @defaultValue 30_000
   */
  readonly requestTimeoutMs?: number | undefined;
  /** The scheduler of all timers. @defaultValue asyncScheduler */
  readonly scheduler?: SchedulerLike | undefined;
}

/**
 * Releases each block that passes, since its work is done: the store may delete its data.
 *
 * @remarks
 * Emits values at once, unchanged, and in order; each must have the `ranges` of its block. The next checkpoint no longer names the
 * block; `retainMs` after that checkpoint is written, the block's data is deleted. A crash before that checkpoint repeats the block.
 * Without a checkpoint store the data is deleted after `retainMs`. When the source completes, the operator writes a last checkpoint and
 * deletes the released blocks that are left, also before `retainMs`; then it completes.
 *
 * Buffers the ranges of blocks that wait for their checkpoint. A delete that fails, or has not ended four fifths of `stopTimeoutMs` after
 * `stop`, is a `blockStoreFailed` event; the next `storeBlocks` of the shard deletes what is left. After an error or an unsubscription
 * nothing more is deleted.
 *
 * @param blocks - the store that `storeBlocks` has.
 * @throws InvalidConfigError when called with a number out of range, or an invalid store.
 *
 * @example
 * ```ts
 * const done$ = handles$.pipe(loadBlocks(blocks, { shard }), concatMap((block) => save(block)), releaseBlocks(blocks));
 * ```
 */
export function releaseBlocks<T extends { readonly ranges: SequenceNumberRanges }>(
  blocks: BlockStore,
  config: ReleaseBlocksConfig = {},
): MonoTypeOperatorFunction<T> {
  const { store, retainMs, scheduler } = resolve(blocks, config);

  return (source) =>
    withQueue((lanes) => {
      /** The blocks whose checkpoint is not written yet, or that are retained. */
      const waiting = new Map<SequenceNumberRanges, readonly TrackedShard[]>();
      const shards = new Set<TrackedShard>();
      const released$ = new Subject<SequenceNumberRanges>();
      const sourceEnded$ = new Subject<void>();
      let deletes = 0;

      const release = (value: T): void => {
        const ranges = rangesOf(value);
        const owners = entriesOf(ranges).map(({ shard }) => shard);
        waiting.set(ranges, owners);
        for (const shard of owners) {
          forgetReleased(shards);
          shards.add(shard);
          shard.release(ranges);
        }
        released$.next(ranges);
      };
      const deleteNow = (ranges: SequenceNumberRanges): Observable<never> => {
        const owners = waiting.get(ranges) ?? [];
        // The block was deleted already.
        if (!waiting.delete(ranges)) return EMPTY;
        return lanes.run(String(deletes++ % MAX_DELETES_AT_ONCE), deleting(ranges, store, owners));
      };
      const deleteInTime$ = released$.pipe(
        mergeMap((ranges) => {
          const inTime$ = whenDone(ranges, waiting.get(ranges) ?? []).pipe(
            concatMap(() => (retainMs > 0 ? delayOf(retainMs, scheduler) : of(0))),
            takeUntil(sourceEnded$),
          );
          return inTime$.pipe(concatMap(() => deleteNow(ranges)));
        }),
      );
      const deleteRest$ = defer(() => {
        const rest = [...waiting].filter(([ranges, owners]) => isDone(ranges, owners));
        return merge(...rest.map(([ranges]) => deleteNow(ranges)));
      });
      const values$ = source.pipe(tap({ next: release, complete: () => (sourceEnded$.next(), released$.complete()) }));
      return concat(
        merge(deleteInTime$, values$),
        defer(() => writeLast(shards)),
        deleteRest$,
      );
    });
}

function rangesOf(value: { readonly ranges: SequenceNumberRanges }): SequenceNumberRanges {
  if (hasRanges(value)) return value.ranges;
  throw misplaced('releaseBlocks: expected a block, or an object with its ranges', value, 'return the block from your work');
}

/** Emits once, when written checkpoints of all these shards cover the block and no longer name it. */
function whenDone(ranges: SequenceNumberRanges, owners: readonly TrackedShard[]): Observable<unknown> {
  const writes$ = merge(...owners.map(({ checkpointer }) => checkpointer.writes$));
  return writes$.pipe(
    startWith(undefined),
    filter(() => isDone(ranges, owners)),
    take(1),
  );
}

/** Whether a written checkpoint of each of these shards covers the block and no longer names it; true of a shard without any store. */
function isDone(ranges: SequenceNumberRanges, owners: readonly TrackedShard[]): boolean {
  const end = endOf(ranges.ranges.at(-1)!);
  const isCovered = (written: Checkpoint | undefined): boolean =>
    written !== undefined && comparePositions(end, written) <= 0 && !written.unreleased?.includes(ranges);
  return owners.every(({ checkpointer: { store, written } }) => !store || isCovered(written));
}

function deleting(ranges: SequenceNumberRanges, store: BoundedStore, owners: readonly TrackedShard[]): Observable<never> {
  const id = blockId(ranges);
  return store.delete(id).pipe(
    cleansUp('delete', owners),
    reportsFailure(owners[0], 'delete', id),
    catchError(() => EMPTY),
  );
}

/** Writes the last checkpoints. A write that fails is reported as an event, and its blocks then stay in the store. */
function writeLast(shards: Iterable<TrackedShard>): Observable<never> {
  const writes = [...shards].map(({ checkpointer }) => checkpointer.write().pipe(catchError(() => EMPTY)));
  return merge(...writes).pipe(ignoreElements());
}

function forgetReleased(shards: Set<TrackedShard>): void {
  for (const shard of shards) if (shard.isOver) shards.delete(shard);
}

function resolve(blocks: BlockStore, config: ReleaseBlocksConfig) {
  assertKnownFields(config, RELEASE_BLOCKS_FIELDS);
  const { retainMs = 0, requestTimeoutMs = 30_000, scheduler = asyncScheduler } = config;
  assertBlockStore(blocks);
  if (retainMs === Infinity)
    throw new InvalidConfigError(
      'retainMs: expected a finite number, got Infinity: to keep blocks for good, give a store whose delete does nothing',
    );
  assertNumber('retainMs', retainMs, 0);
  assertInteger('requestTimeoutMs', requestTimeoutMs, 1, MAX_TIMER_MS);
  assertScheduler(scheduler);
  return { store: boundedStore(blocks, { requestTimeoutMs, scheduler }), retainMs, scheduler };
}

const RELEASE_BLOCKS_FIELDS: FieldsOf<ReleaseBlocksConfig> = { retainMs: true, requestTimeoutMs: true, scheduler: true };

const MAX_DELETES_AT_ONCE = 8;

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
import { delayOf } from '../internal/delay.js';
import { KeyedQueue } from '../internal/keyed-queue.js';
import { assertInteger, assertKnownFields, assertNumber, assertScheduler, type FieldsOf } from '../internal/validate.js';
import { entriesOf } from '../tracking/tracked-block.js';
import type { TrackedShard } from '../tracking/tracked-shard.js';
import { blockId } from '../values/block.js';
import type { SequenceNumberRanges } from '../values/sequence-range.js';
import { assertBlockStore, MAX_TIMEOUT_MS } from './stored-blocks.js';

/** How {@link releaseBlocks} releases. */
export interface ReleaseBlocksConfig {
  /** How long a block stays in the store after its checkpoint, for whoever else reads it, in ms. From 0 up. @defaultValue 0 */
  readonly retainMs?: number;
  /** How long a call to the store may go without an answer before it counts as failed, in ms. From 1 up. @defaultValue 30_000 */
  readonly requestTimeoutMs?: number;
  /** Every timer. @defaultValue asyncScheduler */
  readonly scheduler?: SchedulerLike;
}

/**
 * Lets go of each block that passes: its work is done.
 *
 * @remarks
 * Values pass at once, unchanged, and in order; each must carry the `ranges` of its block. The next checkpoint names the block no
 * more; when that is written, and `retainMs` later, its data is deleted. A crash before that repeats the block. Without a checkpoint
 * store its data is deleted after `retainMs`. When the source completes, a last checkpoint is written and what is left is deleted,
 * then the completion goes on.
 *
 * Buffers the ids of blocks that wait for their checkpoint. A delete that fails is a `blockStoreFailed` event; the next
 * `storeBlocks` of the shard deletes what was left. On an error and on unsubscription nothing more is deleted.
 *
 * @param blocks - the store that `storeBlocks` was given.
 * @throws InvalidConfigError when called with a number out of range, or a store that is none.
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
    defer(() => {
      /** The blocks whose checkpoint is not written yet, or that are retained. */
      const waiting = new Map<SequenceNumberRanges, readonly TrackedShard[]>();
      const shards = new Set<TrackedShard>();
      const released$ = new Subject<SequenceNumberRanges>();
      const sourceEnded$ = new Subject<void>();
      const lanes = new KeyedQueue();
      let deletes = 0;

      const release = ({ ranges }: T): void => {
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
        // Another end has come first.
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

/** Emits once, when the checkpoints of all these shards say that the block is done with. */
function whenDone(ranges: SequenceNumberRanges, owners: readonly TrackedShard[]): Observable<unknown> {
  const writes$ = merge(...owners.map(({ checkpointer }) => checkpointer.writes$));
  return writes$.pipe(
    startWith(undefined),
    filter(() => isDone(ranges, owners)),
    take(1),
  );
}

/** Whether the checkpoints of all these shards say that the block is done with. */
function isDone(ranges: SequenceNumberRanges, owners: readonly TrackedShard[]): boolean {
  return owners.every(({ checkpointer }) => checkpointer.isDoneWith(ranges));
}

function deleting(ranges: SequenceNumberRanges, store: BoundedStore, owners: readonly TrackedShard[]): Observable<never> {
  const id = blockId(ranges);
  return store.delete(id).pipe(
    ignoreElements(),
    catchError((error: unknown) => {
      owners[0]?.notify({ type: 'blockStoreFailed', action: 'delete', blockId: id, error });
      return EMPTY;
    }),
  );
}

/** The work is done: now the checkpoints may say so. A write that fails is told as an event, and the blocks then stay. */
function writeLast(shards: Iterable<TrackedShard>): Observable<never> {
  const writes = [...shards].flatMap(({ checkpointer }) =>
    checkpointer.stores.map((store) => checkpointer.write(store).pipe(catchError(() => EMPTY))),
  );
  return merge(...writes).pipe(ignoreElements());
}

function forgetReleased(shards: Set<TrackedShard>): void {
  for (const shard of shards) if (shard.isFinished || shard.isLost) shards.delete(shard);
}

function resolve(blocks: BlockStore, config: ReleaseBlocksConfig) {
  assertKnownFields(config, RELEASE_BLOCKS_FIELDS);
  const { retainMs = 0, requestTimeoutMs = 30_000, scheduler = asyncScheduler } = config;
  assertBlockStore(blocks);
  assertNumber('retainMs', retainMs, 0, true);
  assertInteger('requestTimeoutMs', requestTimeoutMs, 1, MAX_TIMEOUT_MS);
  assertScheduler(scheduler);
  return { store: boundedStore(blocks, { requestTimeoutMs, scheduler }), retainMs, scheduler };
}

const RELEASE_BLOCKS_FIELDS: FieldsOf<ReleaseBlocksConfig> = { retainMs: true, requestTimeoutMs: true, scheduler: true };

const MAX_DELETES_AT_ONCE = 8;

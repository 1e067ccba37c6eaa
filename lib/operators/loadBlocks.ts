import {
  asyncScheduler,
  catchError,
  concat,
  concatMap,
  defaultIfEmpty,
  defer,
  EMPTY,
  filter,
  from,
  map,
  of,
  startWith,
  takeWhile,
  tap,
  toArray,
  type Observable,
  type OperatorFunction,
  type SchedulerLike,
} from 'rxjs';
import type { BlockStore } from '../blocks/block-store.js';
import { boundedStore } from '../blocks/bounded-store.js';
import { isBlockStoreError } from '../blocks/errors.js';
import type { StoredBlock } from '../blocks/stored-block.js';
import { delayOf, MAX_TIMER_MS } from '../internal/delay.js';
import { assertInteger, assertKnownFields, assertScheduler, type FieldsOf } from '../internal/validate.js';
import type { Shard } from '../shards/shard.js';
import { hasRanges, misplaced } from '../tracking/misplaced.js';
import { makeBlock, type Block } from '../values/block.js';
import { comparePositions } from '../values/position.js';
import { endOf, startOf } from '../values/sequence-range.js';
import { inTurn } from './in-turn.js';
import { LoadedBlocks } from './loaded-blocks.js';
import { restoreLost, type RestoreOptions } from './restore-lost.js';
import { assertBlockStore, assertOfShard, ownShardOf, reportsFailure } from './stored-blocks.js';

/** How {@link loadBlocks} loads. */
export interface LoadBlocksConfig {
  /** The shard that the blocks come from. */
  readonly shard: Shard;
  /**
   * The payload bytes of loaded and not released blocks above which no further block is loaded. One block is always loaded.
   * From 1 up. @defaultValue 16_777_216
   */
  readonly maxLoadedBytes?: number | undefined;
  /** The longest time without progress while lost blocks are re-read from Kinesis, in ms. From 1 up. @defaultValue 10_000 */
  readonly retryTimeoutMs?: number | undefined;
  /**
   * How long a call to the store may take before its block counts as lost, in ms. A store of `blockStore` limits the calls to
   * its tiers itself, by its own `requestTimeoutMs`. From 1 up. @defaultValue 30_000
   */
  readonly requestTimeoutMs?: number | undefined;
  /** The scheduler of all timers. @defaultValue asyncScheduler */
  readonly scheduler?: SchedulerLike | undefined;
}

/**
 * Turns each handle back into its block: from the store, or from Kinesis when the store has lost or damaged the block.
 *
 * @remarks
 * Emits blocks in the order of their handles, one at a time, and only as many as `maxLoadedBytes` allows before earlier ones are
 * released; the others wait as handles. So put `releaseBlocks` after the work: a block that is dropped before it holds up the rest, which
 * a `watermarkHeld` event reports after 10 s.
 *
 * A lost block is re-read by its ranges, with the shard's own client and within its read budget, and verified: first and last record, and
 * count. Lost blocks that follow each other are re-read together, up to 10 000 records, and up to the first about which the store does not
 * answer in time; blocks that are not lost are not. When a page of them leaves no room, the rest is read when there is room again. A re-read block is put back into the store, has `recovered: true`, and
 * settles like the original. The events `recoveryStarted` and `recovered` report it; `blockStoreFailed` reports a store that failed.
 *
 * Buffers handles, and of lost blocks one page (at most 10 MiB and 10 000 records of Kinesis) or one larger block, beyond
 * `maxLoadedBytes`. Errors: `RangeExpiredError` when Kinesis no longer has the records (under `onGap: 'fail'`),
 * `BlockUnavailableError` instead, retriable and whatever `onGap` says, when the store failed and may have the block, `RangeIncompleteError`,
 * `RecoveryTimeoutError`, `ShardReadError`; the source's. Unsubscribing aborts the reads.
 *
 * @param blocks - the store that `storeBlocks` has.
 * @throws InvalidConfigError when called with a number out of range, an invalid store, or a shard that no source has made.
 *
 * @example
 * ```ts
 * const work$ = handles$.pipe(loadBlocks(blocks, { shard }), concatMap((block) => save(block)), releaseBlocks(blocks));
 * ```
 */
export function loadBlocks(blocks: BlockStore, config: LoadBlocksConfig): OperatorFunction<StoredBlock, Block> {
  const loading = resolve(blocks, config);

  return (source) =>
    defer(() => {
      const credit = new LoadedBlocks(loading);
      /** The handles whose blocks have not been looked up, in order. */
      const waiting = new Set<StoredBlock>();
      return source.pipe(
        tap((handle) => {
          assertHandle(handle, loading);
          waiting.add(handle);
        }),
        // An earlier turn may have loaded this block: it was lost and read together with others, or came after lost ones.
        inTurn((handle) => (waiting.has(handle) ? concat(credit.available(), load(handle, waiting, loading, credit)) : EMPTY)),
      );
    });
}

/** @throws InvalidConfigError for what is no handle; InvalidValueError for one of another shard. */
function assertHandle(handle: StoredBlock, { tracked }: Loading): void {
  if (!hasRanges(handle)) throw misplaced('loadBlocks: expected the handle of a block', handle, 'put it behind storeBlocks');
  assertOfShard('loadBlocks', handle, tracked);
}

/** The resolved options of loading. */
interface Loading extends RestoreOptions {
  readonly maxLoadedBytes: number;
  readonly scheduler: SchedulerLike;
}

/** A handle, and the block that the store has for it. */
interface Found {
  readonly handle: StoredBlock;
  /** Absent when it is lost. */
  readonly block?: Block;
  /** What the store failed with. */
  readonly error?: unknown;
}

/** Loads the block of the handle whose turn it is. If it is lost, the lost ones right after it are read with it. */
function load(first: StoredBlock, waiting: Set<StoredBlock>, loading: Loading, credit: LoadedBlocks): Observable<Block> {
  return defer(() => {
    waiting.delete(first);
    return lookUp(first, loading).pipe(
      concatMap((found) => (found.block ? credit.noted(found.block) : loadLost(found, waiting, loading, credit))),
    );
  });
}

/**
 * Loads a lost block and the lost ones right after it, up to one about which the store does not answer in time, and the first one that is not
 * lost, since the store has already given it.
 */
function loadLost(first: Found, waiting: Set<StoredBlock>, loading: Loading, credit: LoadedBlocks): Observable<Block> {
  // After a turn of the scheduler, so that handles that arrive together are read together.
  return delayOf(0, loading.scheduler).pipe(
    concatMap(() => lookUpAll(followers(first.handle, waiting), loading)),
    startWith(first),
    takeWhile(isLostAtOnce, true),
    toArray(),
    concatMap((found) => {
      for (const { handle } of found) waiting.delete(handle);
      const lost = found.filter(({ block }) => block === undefined);
      const there = found.flatMap(({ block }) => (block ? concat(credit.available(), credit.noted(block)) : []));
      return concat(restoreLost(lost, loading, credit), ...there);
    }),
  );
}

/** Whether the store has no block, and needed no time-out to say so: each further block would take one as well, and the first wait for all. */
function isLostAtOnce({ block, error }: Found): boolean {
  return block === undefined && !(isBlockStoreError(error) && error.fault === 'timeout');
}

/** The handles whose blocks may be read together with `first`, if they are lost. */
function followers(first: StoredBlock, waiting: Iterable<StoredBlock>): StoredBlock[] {
  const handles: StoredBlock[] = [];
  let last = first;
  let records = first.ranges.recordCount;
  for (const handle of waiting) {
    records += handle.ranges.recordCount;
    // A block that is out of the shard's order is read by itself.
    if (records > MAX_RECORDS_READ_TOGETHER || !precedes(last, handle)) break;
    handles.push(handle);
    last = handle;
  }
  return handles;
}

function precedes(a: StoredBlock, b: StoredBlock): boolean {
  return comparePositions(endOf(a.ranges.ranges.at(-1)!), startOf(b.ranges.ranges[0]!)) < 0;
}

/** Looks up one block after another, until nobody waits for the next. */
function lookUpAll(handles: readonly StoredBlock[], loading: Loading): Observable<Found> {
  return from(handles).pipe(inTurn((handle) => lookUp(handle, loading)));
}

function lookUp(handle: StoredBlock, { store, tracked }: Loading): Observable<Found> {
  return store.get(handle.id).pipe(
    filter((block) => block.ranges.toString() === handle.ranges.toString()),
    map((block): Found => ({ handle, block: makeBlock(block.records, handle.ranges, handle.recovered || block.recovered) })),
    defaultIfEmpty<Found, Found>({ handle }),
    reportsFailure(tracked, 'get', handle.id),
    catchError((error: unknown) => of<Found>({ handle, error })),
  );
}

function resolve(blocks: BlockStore, config: LoadBlocksConfig): Loading {
  assertKnownFields(config, LOAD_BLOCKS_FIELDS);
  const { shard, maxLoadedBytes = 16 * 1024 * 1024, retryTimeoutMs = 10_000 } = config;
  const { requestTimeoutMs = 30_000, scheduler = asyncScheduler } = config;
  assertBlockStore(blocks);
  assertInteger('maxLoadedBytes', maxLoadedBytes, 1);
  assertInteger('retryTimeoutMs', retryTimeoutMs, 1);
  assertInteger('requestTimeoutMs', requestTimeoutMs, 1, MAX_TIMER_MS);
  assertScheduler(scheduler);
  const store = boundedStore(blocks, { requestTimeoutMs, scheduler });
  return { store, tracked: ownShardOf(shard), maxLoadedBytes, retryTimeoutMs, scheduler };
}

const LOAD_BLOCKS_FIELDS: FieldsOf<LoadBlocksConfig> = {
  shard: true,
  maxLoadedBytes: true,
  retryTimeoutMs: true,
  requestTimeoutMs: true,
  scheduler: true,
};

/** One page of GetRecords. */
const MAX_RECORDS_READ_TOGETHER = 10_000;

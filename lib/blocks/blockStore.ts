import { asyncScheduler, type Observer, type SchedulerLike } from 'rxjs';
import { MAX_TIMER_MS } from '../internal/delay.js';
import { assertInteger, assertKnownFields, assertMethod, assertScheduler, type FieldsOf } from '../internal/validate.js';
import type { KinesisEvent } from '../monitoring/events.js';
import { eventSink } from '../monitoring/eventSink.js';
import { InvalidConfigError } from '../values/errors.js';
import { BLOCK_STORE_CALLS, type BlockStore } from './block-store.js';
import { boundedStore, type BoundedStore } from './bounded-store.js';
import { memoryBlocks } from './memoryBlocks.js';
import { TieredBlocks } from './tiered-blocks.js';
import { traitsOf, type StorageLevel, type StorageLevelTraits } from './storage-level.js';

/** The tiers of a {@link blockStore}, and how it calls them. */
export interface BlockStoreConfig {
  /** The memory tier of a `MEMORY_` level. @defaultValue memoryBlocks() */
  readonly memory?: BlockStore | undefined;
  /** The disk tier of a level that has one, for example `levelBlocks(db)`. There is no default. */
  readonly disk?: BlockStore | undefined;
  /** Where the second copy of a `_2` level goes: to the first of them; each further one replaces a copy that cannot be made. */
  readonly replicas?: readonly BlockStore[] | undefined;
  /** How long a call to one tier may take before it counts as failed, and the next tier is asked, in ms. From 1 up. @defaultValue 30_000 */
  readonly requestTimeoutMs?: number | undefined;
  /**
   * Takes an event for each call of a tier that failed, or `'silent'`. Its errors and rejections are ignored.
   * @defaultValue the events are written with `console.warn`, at most once a minute
   */
  readonly events?: Pick<Observer<KinesisEvent>, 'next'> | 'silent' | undefined;
  /** The scheduler of all timers. @defaultValue asyncScheduler */
  readonly scheduler?: SchedulerLike | undefined;
}

/**
 * Keeps blocks at a storage level: in memory, on disk, in one copy or two.
 *
 * @remarks
 * `put` completes when the level's number of copies is there, each as durable as its tier. It writes the copies in parallel; a
 * further replica replaces a copy that fails, also the local one. With `MEMORY_AND_DISK` a block goes to the disk when memory has no
 * room (or fails); blocks that are in memory already stay there. With `MEMORY_ONLY` the block is refused then. `get` asks memory, then
 * the disk, then all replicas at once, and emits the first whole block; it emits `undefined` when no tier has one.
 * `delete` asks all tiers. `list` emits each id once. The `put` and `delete` calls of one block run one after another, and
 * unsubscribing does not cancel one that has begun.
 *
 * Each tier has `requestTimeoutMs` for a call, also behind `storeBlocks`, `loadBlocks` and `releaseBlocks`, which do not limit the whole:
 * with as many tiers as there are, replicas included, a `put` or `get` ends at the latest after so many times `requestTimeoutMs`, and a
 * `delete` or `list`, which asks all at once, after one. A `put` or `delete` may first wait for earlier ones of its block.
 *
 * Errors: `put` errors with a `BlockStoreError` when there are fewer copies than promised, or with an `InvalidValueError` for a block
 * whose records do not match its ranges; `get` with the first error that is not `retriable: false`, when no tier has the block; `delete`
 * with the first error, after all tiers have answered; `list` only when all tiers fail. Every failed call of a tier is also a
 * `blockStoreFailed` event, except that memory is full where there is a disk.
 *
 * @param level - where, and in how many copies.
 * @throws InvalidConfigError when called with a tier that the level does not have, or without one that it needs.
 *
 * @example
 * ```ts
 * const blocks = blockStore('MEMORY_AND_DISK_2', {
 *   disk: levelBlocks(new ClassicLevel('./blocks')),
 *   replicas: [s3Blocks({ client: new S3Client({}), bucket: 'flights-blocks' })],
 * });
 * ```
 */
export function blockStore(level: StorageLevel, config: BlockStoreConfig = {}): BlockStore {
  assertKnownFields(config, BLOCK_STORE_FIELDS);
  const { requestTimeoutMs = 30_000, events, scheduler = asyncScheduler } = config;
  assertScheduler(scheduler);
  const traits = traitsOf(level);
  const { local, replicas } = resolveTiers(level, traits, config);
  const bounded = (store: BlockStore): BoundedStore => boundedStore(store, { requestTimeoutMs, scheduler });
  return new TieredBlocks(local.map(bounded), replicas.map(bounded), traits.copies, eventSink(events, scheduler));
}

interface Tiers {
  /** The places of the local copy, in the order in which they are tried. */
  readonly local: readonly BlockStore[];
  readonly replicas: readonly BlockStore[];
}

/** Checks the tiers against the level: it refuses a missing tier, and one that the level would not use. */
function resolveTiers(level: StorageLevel, traits: StorageLevelTraits, config: BlockStoreConfig): Tiers {
  const { disk, replicas = [], requestTimeoutMs = 30_000 } = config;
  assertInteger('requestTimeoutMs', requestTimeoutMs, 1, MAX_TIMER_MS);
  if (!traits.memory && config.memory) throw new InvalidConfigError(`memory: ${level} keeps nothing in memory`);
  if (!traits.disk && disk) throw new InvalidConfigError(`disk: ${level} keeps nothing on disk`);
  if (traits.disk && !disk) throw new InvalidConfigError(`disk: ${level} needs a store for it, such as levelBlocks(db)`);
  if (traits.copies === 1 && replicas.length > 0) throw new InvalidConfigError(`replicas: ${level} keeps one copy; ${level}_2 keeps two`);
  if (traits.copies > 1 && replicas.length === 0) throw new InvalidConfigError(`replicas: ${level} needs a store for the second copy`);

  const memory = traits.memory ? [config.memory ?? memoryBlocks()] : [];
  const local = disk ? [...memory, disk] : memory;
  for (const store of [...local, ...replicas]) for (const call of BLOCK_STORE_CALLS) assertMethod('block store', store, call);
  if (new Set([...local, ...replicas]).size < local.length + replicas.length) {
    throw new InvalidConfigError('replicas: one store is given twice, and would count as two copies');
  }
  return { local, replicas };
}

const BLOCK_STORE_FIELDS: FieldsOf<BlockStoreConfig> = {
  memory: true,
  disk: true,
  replicas: true,
  requestTimeoutMs: true,
  events: true,
  scheduler: true,
};

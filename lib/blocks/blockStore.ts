import { asyncScheduler, type Observer, type SchedulerLike } from 'rxjs';
import { assertInteger, assertKnownFields, assertMethod, type FieldsOf } from '../internal/validate.js';
import type { KinesisEvent } from '../monitoring/events.js';
import { InvalidConfigError } from '../values/errors.js';
import { BLOCK_STORE_CALLS, type BlockStore } from './block-store.js';
import { boundedStore, type BoundedStore } from './bounded-store.js';
import { memoryBlocks } from './memoryBlocks.js';
import { TieredBlocks } from './tiered-blocks.js';
import { traitsOf, type StorageLevel, type StorageLevelTraits } from './storage-level.js';

/** What a {@link blockStore} is made of. */
export interface BlockStoreConfig {
  /** The memory tier of a `MEMORY_` level. @defaultValue memoryBlocks() */
  readonly memory?: BlockStore;
  /** The disk tier of a level that has one, for example `levelBlocks(db)`. There is no default. */
  readonly disk?: BlockStore;
  /** Where the second copy of a `_2` level goes. The first is written to; each further one stands in when a copy cannot be made. */
  readonly replicas?: readonly BlockStore[];
  /** How long a call to a tier may go without an answer before it counts as failed, in ms. From 1 up. @defaultValue 30_000 */
  readonly requestTimeoutMs?: number;
  /** Takes an event for everything that a tier did not do. What it throws is ignored. */
  readonly events?: Pick<Observer<KinesisEvent>, 'next'>;
  /** Every timer. @defaultValue asyncScheduler */
  readonly scheduler?: SchedulerLike;
}

/**
 * Keeps blocks at a storage level: in memory, on disk, in one copy or two.
 *
 * @remarks
 * `put` completes when the level's number of copies is there, each as durable as its tier. The copies are written in parallel; a
 * further replica stands in for one that fails, also for the local one. With `MEMORY_AND_DISK` a block goes to the disk when memory
 * has no room (or fails): what is in memory already is worked off first, and is not moved. With `MEMORY_ONLY` it is refused then.
 * `get` asks memory, then the disk, then all replicas at once, and takes the first whole block; it emits `undefined` when nobody has
 * one, whatever the reason. `delete` asks all. `list` emits each id once. Calls about one block are made one after another, and a
 * `put` or `delete` that has begun is not taken back by unsubscribing.
 *
 * Errors: `put` errs with a `BlockStoreError` when there are fewer copies than promised; `delete` with the first error, after all
 * were asked; `list` only when nobody answers. Everything else that fails is a `blockStoreFailed` event.
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
  const traits = traitsOf(level);
  const { local, replicas } = resolveTiers(level, traits, config);
  const bounded = (store: BlockStore): BoundedStore => boundedStore(store, { requestTimeoutMs, scheduler });
  const notify = (event: KinesisEvent): void => tell(events, event);
  return new TieredBlocks(local.map(bounded), replicas.map(bounded), traits.copies, notify);
}

interface Tiers {
  /** The places of the local copy, in the order in which they are tried. */
  readonly local: readonly BlockStore[];
  readonly replicas: readonly BlockStore[];
}

/** Checks the parts against what the level needs: none may be missing, and none would be ignored. */
function resolveTiers(level: StorageLevel, traits: StorageLevelTraits, config: BlockStoreConfig): Tiers {
  const { disk, replicas = [], requestTimeoutMs = 30_000, events } = config;
  assertInteger('requestTimeoutMs', requestTimeoutMs, 1, MAX_TIMEOUT_MS);
  if (events) assertMethod('events', events, 'next');
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

/** What a timer can hold. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

function tell(events: BlockStoreConfig['events'], event: KinesisEvent): void {
  try {
    events?.next(event);
  } catch {
    // The observer's own fault: reported to nobody, as documented.
  }
}

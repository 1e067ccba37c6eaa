import type { ObservableInput } from 'rxjs';
import type { Position } from '../values/position.js';
import type { SequenceNumberRange } from '../values/sequence-range.js';
import type { ShardIdentity } from '../values/shard-id.js';

/** How far one shard is done. */
export interface Checkpoint extends Position {
  /** The name of the stream. */
  readonly streamName: string;
  /** The id of the shard. */
  readonly shardId: string;
  /**
   * Ranges beyond the position that are done too, in order, from work that finished out of order. A store that can hold
   * them saves their records from being delivered again after a restart; one that cannot leaves them out.
   */
  readonly settledBeyond?: readonly SequenceNumberRange[];
}

/**
 * Keeps the progress of shards.
 *
 * @remarks
 * `read` must see the last successful `write` of any process (a consistent read). The package makes one `write` per shard
 * at a time, each beyond the one before. A `write` by a worker that has lost the shard must fail with `LeaseLostError`.
 * Throttling and passing faults are errors with `retriable: true`, or AWS errors known by their name.
 */
export interface CheckpointStore {
  /** Emits the shard's checkpoint, or `undefined` when it has none. */
  read(shard: ShardIdentity): ObservableInput<Checkpoint | undefined>;
  /** Keeps the checkpoint; its values are ignored, its completion means that it is durable. */
  write(checkpoint: Checkpoint, shard: ShardIdentity): ObservableInput<unknown>;
}

/** A store that also says which worker may read a shard. `kinesisStream` takes each shard before it reads it. */
export interface LeasingStore extends CheckpointStore {
  /** Emits once, when this worker owns the shard; a `read` is then up to date. */
  take(shard: ShardIdentity): ObservableInput<Lease>;
  /** Gives the shard up, so that another worker may take it at once. */
  release(shard: ShardIdentity): ObservableInput<unknown>;
}

/** One tenure of a shard. */
export interface Lease {
  /** Grows with every tenure of the shard: a sink that remembers the largest can refuse a former owner. */
  readonly fencingToken: string;
  /** Emits once if the tenure ends against this worker's will. */
  readonly lost$: ObservableInput<unknown>;
}

/** Whether the store also coordinates workers. */
export function isLeasing(store: CheckpointStore): store is LeasingStore {
  return 'take' in store && 'release' in store;
}

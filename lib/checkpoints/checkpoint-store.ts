import type { Observable, ObservableInput } from 'rxjs';
import type { InitialPosition, Position } from '../values/position.js';
import type { SequenceNumberRange, SequenceNumberRanges } from '../values/sequence-range.js';
import type { ShardIdentity } from '../values/shard-id.js';

/** How far one shard is done. */
export interface Checkpoint extends Position {
  /** The name of the stream. */
  readonly streamName: string;
  /** The id of the shard. */
  readonly shardId: string;
  /**
   * Ranges beyond the position that are done too, in order, from work that finished out of order. A store that can hold
   * them saves their records from being delivered again after a restart; one that cannot leaves them out, or some of them. The same position is
   * written again when there are more of them.
   */
  readonly settledBeyond?: readonly SequenceNumberRange[];
  /**
   * The ranges of each block up to the position that is stored and not released, in order: after a restart they come first. Only
   * stores that {@link CheckpointStore.keepsUnreleased} are given them.
   */
  readonly unreleased?: readonly SequenceNumberRanges[];
  /**
   * The sequence number at which the shard begins: which shard of this name the checkpoint is of. Absent where that was not known,
   * and in the rows of other clients.
   */
  readonly shardStart?: string;
}

/**
 * Keeps the progress of shards.
 *
 * @remarks
 * `read` must see the last successful `write` of any process (a consistent read). The package makes one `write` per shard
 * at a time, none before the one before; one that takes longer than `requestTimeoutMs` counts as failed, so a store must refuse to
 * go back should it come to a late one after the next. A `write` by a worker that has lost the shard must fail with `LeaseLostError`.
 * Throttling and passing faults are errors with `retriable: true`, or AWS errors known by their name.
 */
export interface CheckpointStore {
  /**
   * Whether `read` gives back what `write` was given as `unreleased`, all of it. To a store that does not say so, no checkpoint beyond
   * a block that is stored and not released is written.
   */
  readonly keepsUnreleased?: boolean;
  /** Emits the shard's checkpoint, or `undefined` when it has none. */
  read(shard: ShardIdentity): ObservableInput<Checkpoint | undefined>;
  /** Keeps the checkpoint; its values are ignored, its completion means that it is durable. */
  write(checkpoint: Checkpoint, shard: ShardIdentity): ObservableInput<unknown>;
}

/** A shard as its stream sees it now, for a store that shares shards among workers. */
export interface LeasableShard extends ShardIdentity {
  /** Whether ListShards shows it as closed. */
  readonly closed: boolean;
  /** Whether its parents are done, as far as this process knows. */
  readonly isReady: boolean;
}

/** What becomes of a shard's lease: this worker holds it now, or all of the shard was done elsewhere. */
export type LeaseNews =
  { readonly type: 'granted'; readonly shardId: string; readonly lease: Lease } | { readonly type: 'ended'; readonly shardId: string };

/** A store that also says which worker may read a shard. `kinesisStream` reads the shards that it is granted. */
export interface LeasingStore extends CheckpointStore {
  /**
   * Emits each lease that this worker comes to hold, also one that it had before and lost, and the shards that were read to
   * their end elsewhere. A `read` after a grant is up to date.
   *
   * @param shards$ - emits all shards in view whenever they change. When it completes no more leases are granted; those that
   *   are held stay so until they are released. Unsubscribing ends the renewals.
   * @param initialPosition - where a shard begins that nobody has worked on and that descends from none that was. A `read` gives it then.
   */
  leases(shards$: Observable<readonly LeasableShard[]>, initialPosition?: InitialPosition): Observable<LeaseNews>;
  /** Gives the shard up, so that another worker may take it at once. */
  release(shard: ShardIdentity): ObservableInput<unknown>;
}

/** One tenure of a shard. */
export interface Lease {
  /**
   * A decimal number that grows with every tenure of the shard: a sink that remembers the largest can refuse a former owner. To be compared as a
   * number, not as text. Begins anew when the row is deleted.
   */
  readonly fencingToken: string;
  /** Emits once if the tenure ends against this worker's will. */
  readonly lost$: ObservableInput<unknown>;
  /**
   * Emits once when another worker asks for the shard: its work is to be drained, checkpointed and released. Whoever does not do so in
   * time loses the lease. A store that cannot ask leaves it out.
   */
  readonly asked$?: ObservableInput<unknown>;
  /** Told how many payload bytes each page had that was read under it, for a store that shares shards by how much they bring. */
  readonly noteRead?: (bytes: number) => void;
}

/** Whether the store also coordinates workers. */
export function isLeasing(store: CheckpointStore | undefined): store is LeasingStore {
  return store !== undefined && 'leases' in store && 'release' in store;
}

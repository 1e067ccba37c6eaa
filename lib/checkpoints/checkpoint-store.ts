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
   * Ranges beyond the position that are settled too, in order: their work finished out of order. If the store keeps them, their records
   * are not delivered again after a restart; a store may leave out some or all of them. The package writes the same position again when
   * they have changed.
   */
  readonly settledBeyond?: readonly SequenceNumberRange[];
  /**
   * The ranges of each block up to the position that `storeBlocks` has stored and `releaseBlocks` has not released, in order: after a
   * restart `storeBlocks` emits them first. Only stores with {@link CheckpointStore.keepsUnreleased} get them.
   */
  readonly unreleased?: readonly SequenceNumberRanges[];
  /**
   * The sequence number at which the shard begins: it tells shards of the same name apart. Absent where it was not known, and in the
   * rows of other clients.
   */
  readonly shardStart?: string;
  /**
   * Beside `LATEST`, which only `read` returns: the time that it means, in ms since 1970. Absent where nobody has noted it: then the time of the
   * subscription counts.
   */
  readonly startTimestamp?: number;
}

/**
 * Keeps the progress of shards.
 *
 * @remarks
 * `read` must see the last successful `write` of any process (a consistent read). The package makes one `write` per shard at a time,
 * never to an earlier position; it writes the same position again when `settledBeyond` or `unreleased` have changed. A `write` that takes
 * longer than `requestTimeoutMs` counts as failed and may arrive after the next one, so a store must refuse to go back. A `write` by a
 * worker that has lost the shard must fail with `LeaseLostError`. For throttling and passing faults, a store errors with
 * `retriable: true`, or with the error of the AWS SDK, which the package recognises by its name.
 */
export interface CheckpointStore {
  /**
   * Whether `read` returns the whole `unreleased` of the last `write`. A store without it gets no checkpoint beyond a block that is
   * stored and not released.
   */
  readonly keepsUnreleased?: boolean;
  /** Emits the shard's checkpoint, or `undefined` when it has none. */
  read(shard: ShardIdentity): ObservableInput<Checkpoint | undefined>;
  /** Keeps the checkpoint. The package ignores emitted values; completion means that the checkpoint is durable. */
  write(checkpoint: Checkpoint, shard: ShardIdentity): ObservableInput<unknown>;
}

/** A shard as its stream sees it now, for a store that shares shards among workers. */
export interface LeasableShard extends ShardIdentity {
  /** Whether it takes no more records: ListShards shows it as closed, or it was read to its end. */
  readonly closed: boolean;
  /** Whether its parents are done, as far as this process knows. */
  readonly isReady: boolean;
  /** Whether this process would read it: it has neither read it to its end nor left it for good. @defaultValue true */
  readonly isWanted?: boolean | undefined;
}

/** News of a shard's lease: this worker holds it now, or other workers have processed the shard to its end. */
export type LeaseNews =
  | { readonly type: 'granted'; readonly shardId: string; readonly lease: Lease }
  | {
      readonly type: 'ended';
      /** The id of the shard, for example `shardId-000000000000`. */
      readonly shardId: string;
      /** The `shardStart` of the checkpoint that says so, if it has one. */
      readonly shardStart?: string | undefined;
    };

/** A store that also decides which worker may read a shard. `kinesisStream` reads the shards whose leases the store grants. */
export interface LeasingStore extends CheckpointStore {
  /** Whether the store itself tells of each lease that is lost: then the console is not told a second time. */
  readonly tellsOfLosses?: boolean;
  /**
   * Emits each lease that this worker acquires, also one that it had before and lost, and the shards that were read to
   * their end elsewhere. A `read` after a grant is up to date.
   *
   * @param shards$ - emits all shards in view whenever they change. After it completes, no more leases are granted; this worker keeps
   *   the leases that it holds until they are released; then the store tells the other workers, and completes. Unsubscribing ends all of that; it comes
   *   a second after the last release at the latest.
   * @param initialPosition - where reading of a shard begins if nobody has worked on it or on its ancestors. `read` then returns it.
   * @param latestMs - returns the time that `LATEST` means, in ms since 1970, when a shard begins there. A store that keeps it returns it as
   *   {@link Checkpoint.startTimestamp}, so that no record is passed over when reading begins anew before the first checkpoint.
   */
  leases(shards$: Observable<readonly LeasableShard[]>, initialPosition?: InitialPosition, latestMs?: () => number): Observable<LeaseNews>;
  /**
   * Gives the shard up, so that another worker may take it at once.
   *
   * @param lease - the tenure that ends, as it was granted. A later one of this worker, of another subscription, goes on.
   */
  release(shard: ShardIdentity, lease?: Lease): ObservableInput<unknown>;
}

/** One tenure of a shard. */
export interface Lease {
  /**
   * A decimal number that grows with every tenure of the shard: a sink that remembers the largest can refuse a former owner. Compare it as
   * a number, not as text. It restarts when the row is deleted.
   */
  readonly fencingToken: string;
  /** Emits once if the tenure ends against this worker's will. */
  readonly lost$: ObservableInput<unknown>;
  /**
   * Emits once when another worker asks for the shard: this worker should drain its work, write the checkpoint and release the shard. If
   * it does not in time, it loses the lease. A store without such requests leaves the field out.
   */
  readonly asked$?: ObservableInput<unknown>;
  /** Called with the payload bytes of each page that is read, for a store that balances workers by load. */
  readonly noteRead?: (bytes: number) => void;
}

/** Whether the store also coordinates workers. */
export function isLeasing(store: CheckpointStore | undefined): store is LeasingStore {
  return store !== undefined && 'leases' in store && 'release' in store;
}

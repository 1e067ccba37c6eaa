import type { Position } from '../values/position.js';
import { holderOf } from './lease.js';
import type { ObservedLease } from './lease-observer.js';

/** A lease at the last look at the table. */
export interface LeaseStatus {
  /** The id of the shard, for example `shardId-000000000000`. */
  readonly shardId: string;
  /** The worker that holds the lease. */
  readonly owner?: string;
  /** The worker to which the lease is being handed over. */
  readonly nextOwner?: string;
  /** Where the row says that its shard is read on: a position, or one of the sentinels of KCL. */
  readonly checkpoint: Position;
  /** How long this worker has seen no renewal of the lease, in ms. */
  readonly idleMs: number;
}

/** The public view of a lease. */
export function leaseStatus({ row, idleMs }: ObservedLease): LeaseStatus {
  const { leaseKey: shardId, checkpoint, leaseOwner, checkpointOwner } = row;
  const owner = holderOf(row);
  return {
    shardId,
    checkpoint,
    idleMs,
    ...(owner !== undefined && { owner }),
    ...(checkpointOwner !== undefined && leaseOwner !== undefined && { nextOwner: leaseOwner }),
  };
}

import type { Position } from '../values/position.js';
import { holderOf } from './lease.js';
import type { ObservedLease } from './lease-observer.js';

/** A lease as the last look at the table showed it. */
export interface LeaseStatus {
  readonly shardId: string;
  /** Who holds it. */
  readonly owner?: string;
  /** To whom it is being handed over. */
  readonly nextOwner?: string;
  readonly checkpoint: Position;
  /** For how long this worker has seen it standing still, in ms. */
  readonly idleMs: number;
}

/** What a user sees of a lease. */
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

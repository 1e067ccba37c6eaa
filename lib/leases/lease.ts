import { AT_TIMESTAMP, SHARD_END, TRIM_HORIZON, type Position } from '../values/position.js';
import type { HashKeyRange } from '../values/shard-id.js';

/** A lease, as its row in the table has it. Other attributes of the row stay unchanged. */
export interface LeaseRow {
  /** The id of the shard. */
  readonly leaseKey: string;
  /** The worker that holds the lease, or to which it is being handed over; absent when there is none. */
  readonly leaseOwner?: string;
  /** While the lease is handed over: the former owner, which holds it until it has finished. */
  readonly checkpointOwner?: string;
  /** The owner, if it hands the lease over when asked; this package adds the attribute to KCL's row. */
  readonly gracefulOwner?: string;
  /** The process of that owner: two processes may have been given one name; this package adds the attribute to KCL's row. */
  readonly processId?: string;
  /** Grows by 1 with every write of a holder. */
  readonly leaseCounter: number;
  /** How far the shard is done, or the sentinel for where to begin. */
  readonly checkpoint: Position;
  /** The sequence number at which the row's shard begins; this package adds the attribute to KCL's row. */
  readonly shardStart?: string;
  /** Beside the checkpoint `LATEST`: the time that it means, in ms since 1970; this package adds the attribute to KCL's row. */
  readonly startTimestamp?: number;
  /** The settled ranges beyond the checkpoint and the unreleased blocks before it, as text; an attribute that this package adds. */
  readonly progress?: string;
  /** How often workers have asked the others to look at the table, if this row is the one they use for that; this package adds it. */
  readonly rings?: number;
  /**
   * The counter of the last write with which the holder showed that it is alive, on behalf of all its leases; this package adds it. After any
   * other write of the row the counter is higher.
   */
  readonly pulse?: number;
  /** The shards that it was made from. */
  readonly parentShardIds: readonly string[];
  /** Its children, written when the shard ends. */
  readonly childShardIds: readonly string[];
  /** Its hash key range; absent in rows of old versions. */
  readonly hashKeyRange?: HashKeyRange;
}

/** A row to make. */
export type NewLease = Pick<
  LeaseRow,
  | 'leaseKey'
  | 'leaseOwner'
  | 'gracefulOwner'
  | 'processId'
  | 'leaseCounter'
  | 'checkpoint'
  | 'shardStart'
  | 'startTimestamp'
  | 'progress'
  | 'pulse'
  | 'parentShardIds'
  | 'hashKeyRange'
>;

/** The worker that may write: during a hand-over, the former owner. */
export function holderOf({ leaseOwner, checkpointOwner }: Pick<LeaseRow, 'leaseOwner' | 'checkpointOwner'>): string | undefined {
  return checkpointOwner ?? leaseOwner;
}

/** The worker of this package that holds the lease: one that is asked for its leases, and whose other rows may have its pulse. */
export function gracefulHolderOf(row: LeaseRow): string | undefined {
  const holder = holderOf(row);
  return holder === row.gracefulOwner ? holder : undefined;
}

/** Whether the owner is a worker that cannot be asked, so is none of this package. */
export function isForeign({ leaseOwner, checkpointOwner, gracefulOwner }: LeaseRow): boolean {
  return leaseOwner !== undefined && checkpointOwner === undefined && leaseOwner !== gracefulOwner;
}

/** Whether all of the shard is done. */
export function isEnded({ checkpoint }: Pick<LeaseRow, 'checkpoint'>): boolean {
  return checkpoint.sequenceNumber === SHARD_END;
}

/** Whether work on the shard has begun: its parents were done then, or are not to be read. */
export function hasBegun({ checkpoint: { sequenceNumber } }: Pick<LeaseRow, 'checkpoint'>): boolean {
  return sequenceNumber !== TRIM_HORIZON && sequenceNumber !== AT_TIMESTAMP;
}

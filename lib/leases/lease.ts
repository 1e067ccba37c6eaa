import { SHARD_END, type Position } from '../values/position.js';
import type { HashKeyRange } from '../values/shard-id.js';

/** A lease, as its row in the table says. Other attributes of the row are left as they are. */
export interface LeaseRow {
  /** The id of the shard. */
  readonly leaseKey: string;
  /** The worker that holds the lease, or to which it is being handed over; absent when nobody does. */
  readonly leaseOwner?: string;
  /** While the lease is handed over: the former owner, which holds it until it has finished. */
  readonly checkpointOwner?: string;
  /** The owner, when it is one that hands the lease over when it is asked to: what this package adds to KCL's row. */
  readonly gracefulOwner?: string;
  /** Grows by 1 with every write of a holder. */
  readonly leaseCounter: number;
  /** How far the shard is done, or the sentinel that says where it begins. */
  readonly checkpoint: Position;
  /** Where the shard begins that the checkpoint is of: what this package adds to KCL's row. */
  readonly shardStart?: string;
  /** What is settled beyond the checkpoint, and which stored blocks before it are not released, as text: what this package adds to KCL's row. */
  readonly progress?: string;
  /** The shards that it came from. */
  readonly parentShardIds: readonly string[];
  /** What the shard became: written when it ends. */
  readonly childShardIds: readonly string[];
  /** The hash keys it holds; rows of old versions do not say. */
  readonly hashKeyRange?: HashKeyRange;
}

/** A row that nobody has made yet. */
export type NewLease = Pick<
  LeaseRow,
  | 'leaseKey'
  | 'leaseOwner'
  | 'gracefulOwner'
  | 'leaseCounter'
  | 'checkpoint'
  | 'shardStart'
  | 'progress'
  | 'parentShardIds'
  | 'hashKeyRange'
>;

/** The worker that may write: during a hand-over the former owner. */
export function holderOf({ leaseOwner, checkpointOwner }: Pick<LeaseRow, 'leaseOwner' | 'checkpointOwner'>): string | undefined {
  return checkpointOwner ?? leaseOwner;
}

/** Whether all of the shard is done. */
export function isEnded({ checkpoint }: Pick<LeaseRow, 'checkpoint'>): boolean {
  return checkpoint.sequenceNumber === SHARD_END;
}

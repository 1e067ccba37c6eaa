import type { Checkpoint } from '../checkpoints/checkpoint-store.js';
import type { Position } from '../values/position.js';
import type { LeaseRow } from './lease.js';
import { writeProgress } from './row-progress.js';

/** What a row keeps of a checkpoint. */
export interface StoredCheckpoint extends Position {
  readonly shardStart?: string;
  readonly progress?: string | undefined;
}

/** A checkpoint as the row keeps it. */
export function storedOf(checkpoint: Checkpoint): StoredCheckpoint {
  const { sequenceNumber, subSequenceNumber, shardStart } = checkpoint;
  return { sequenceNumber, subSequenceNumber, ...(shardStart !== undefined && { shardStart }), progress: writeProgress(checkpoint) };
}

/** A conditional change of single attributes of a row. A row is never replaced: that would wipe what KCL keeps in it. */
export interface LeaseUpdate {
  /** What the row must say, besides being there; `null`: the attribute must be absent. */
  readonly when: {
    readonly leaseCounter?: number;
    readonly leaseOwner?: string | null;
    readonly checkpointOwner?: string | null;
  };
  readonly set: {
    readonly leaseOwner?: string;
    readonly checkpointOwner?: string;
    /** The owner, when it is one that hands a lease over when it is asked to: other workers cannot be asked. */
    readonly gracefulOwner?: string;
    readonly leaseCounter?: number;
    readonly checkpoint?: Position;
    /** Where the shard begins that the checkpoint is of. */
    readonly shardStart?: string;
    /** What is settled beyond the checkpoint and unreleased before it. */
    readonly progress?: string;
    readonly childShardIds?: readonly string[];
    /** By this a leader of KCL 3 balances its workers. */
    readonly throughputKBps?: number;
  };
  /** Attributes that go. */
  readonly remove?: readonly ('checkpointOwner' | 'gracefulOwner' | 'leaseOwner' | 'progress')[];
  /** Whether the lease goes from one owner to another. */
  readonly switchesOwner?: boolean;
}

/** Keeps the lease. During a hand-over only the former owner may, and only once it knows of the hand-over. */
export function renewUpdate(leaseCounter: number, workerId: string, isHandingOver: boolean): LeaseUpdate {
  return { when: { leaseCounter, checkpointOwner: isHandingOver ? workerId : null }, set: { leaseCounter: leaseCounter + 1 } };
}

/** Makes `workerId` the owner of the row as it was read, whoever was. */
export function takeUpdate(row: LeaseRow, workerId: string): LeaseUpdate {
  return {
    when: { leaseCounter: row.leaseCounter },
    set: { leaseOwner: workerId, gracefulOwner: workerId, leaseCounter: row.leaseCounter + 1 },
    remove: ['checkpointOwner'],
    switchesOwner: row.leaseOwner !== undefined && row.leaseOwner !== workerId,
  };
}

/** Asks the owner to finish and to hand the lease over; the counter stays, so that it can go on renewing meanwhile. */
export function askUpdate({ leaseOwner }: { readonly leaseOwner: string }, workerId: string): LeaseUpdate {
  return { when: { leaseOwner, checkpointOwner: null }, set: { leaseOwner: workerId, checkpointOwner: leaseOwner } };
}

/** Takes that back: the lease stays with its owner. */
export function withdrawUpdate(workerId: string, checkpointOwner: string): LeaseUpdate {
  return { when: { leaseOwner: workerId, checkpointOwner }, set: { leaseOwner: checkpointOwner }, remove: ['checkpointOwner'] };
}

/** Hands the lease over to who has been named as its next owner. */
export function handOverUpdate(leaseCounter: number, workerId: string, leaseOwner: string): LeaseUpdate {
  return {
    when: { leaseCounter, leaseOwner, checkpointOwner: workerId },
    set: { leaseCounter: leaseCounter + 1 },
    remove: ['checkpointOwner'],
    switchesOwner: true,
  };
}

/** Leaves the row without owner, so that any worker may take it at once. */
export function releaseUpdate(leaseCounter: number, workerId: string): LeaseUpdate {
  return {
    // Stricter than KCL's: during a hand-over the lease is promised to another.
    when: { leaseCounter, leaseOwner: workerId, checkpointOwner: null },
    set: { leaseCounter: leaseCounter + 1 },
    remove: ['leaseOwner', 'gracefulOwner'],
  };
}

/** Moves the checkpoint; at a shard's end it also says what the shard became. */
export function checkpointUpdate(leaseCounter: number, checkpoint: StoredCheckpoint, childShardIds: readonly string[] = []): LeaseUpdate {
  const { sequenceNumber, subSequenceNumber, shardStart, progress } = checkpoint;
  return {
    when: { leaseCounter },
    set: {
      leaseCounter: leaseCounter + 1,
      checkpoint: { sequenceNumber, subSequenceNumber },
      ...(shardStart !== undefined && { shardStart }),
      ...(progress !== undefined && { progress }),
      ...(childShardIds.length > 0 && { childShardIds }),
    },
    ...(progress === undefined && { remove: ['progress'] as const }),
  };
}

/** Moves the checkpoint of a lease that nobody owns. */
export function unownedCheckpointUpdate(
  leaseCounter: number,
  checkpoint: StoredCheckpoint,
  childShardIds?: readonly string[],
): LeaseUpdate {
  const { when, ...change } = checkpointUpdate(leaseCounter, checkpoint, childShardIds);
  return { when: { ...when, leaseOwner: null, checkpointOwner: null }, ...change };
}

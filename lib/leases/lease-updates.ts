import type { Checkpoint } from '../checkpoints/checkpoint-store.js';
import type { Position } from '../values/position.js';
import type { LeaseRow } from './lease.js';
import { writeProgress } from './row-progress.js';

/** The fields of a checkpoint that a row keeps. */
export interface StoredCheckpoint extends Position {
  readonly shardStart?: string;
  readonly progress?: string | undefined;
}

/** Turns a checkpoint into the fields that a row keeps. */
export function storedOf(checkpoint: Checkpoint): StoredCheckpoint {
  const { sequenceNumber, subSequenceNumber, shardStart } = checkpoint;
  return { sequenceNumber, subSequenceNumber, ...(shardStart !== undefined && { shardStart }), progress: writeProgress(checkpoint) };
}

/** A conditional change of single attributes of a row. A row is never replaced: that would delete KCL's own attributes. */
export interface LeaseUpdate {
  /** The condition, besides that the row exists: the values that it must have; `null`: the attribute must be absent. */
  readonly when: {
    readonly leaseCounter?: number;
    readonly leaseOwner?: string | null;
    readonly checkpointOwner?: string | null;
  };
  readonly set: {
    readonly leaseOwner?: string;
    readonly checkpointOwner?: string;
    /** The owner, if it hands a lease over when asked, as workers of this package do: other workers cannot be asked. */
    readonly gracefulOwner?: string;
    /** The process of that owner. */
    readonly processId?: string;
    readonly leaseCounter?: number;
    /** The same number as the counter: this write is the worker's pulse. */
    readonly pulse?: number;
    readonly checkpoint?: Position;
    /** The sequence number at which the checkpoint's shard begins. */
    readonly shardStart?: string;
    /** The settled ranges beyond the checkpoint and the unreleased blocks before it, as text. */
    readonly progress?: string;
    readonly childShardIds?: readonly string[];
    /** How much is read of the shard, in KiB a second: a leader of KCL 3 balances its workers by it. */
    readonly throughputKBps?: number;
  };
  /** The attributes to remove. */
  readonly remove?: readonly ('checkpointOwner' | 'gracefulOwner' | 'leaseOwner' | 'progress' | 'startTimestamp')[];
  /** Whether the lease goes from one owner to another. */
  readonly switchesOwner?: boolean;
}

/** The condition of a write by which a holder sets the row's next counter. */
export type CounterCondition = LeaseUpdate['when'] & { readonly leaseCounter: number };

/**
 * The condition of each write that keeps a lease. During a hand-over only the former owner may make one, and only once it knows of the hand-over: the
 * refusal tells it. So it is for checkpoints too, since a lease that is checkpointed often is never renewed.
 */
export function keepCondition(leaseCounter: number, workerId: string, isHandingOver: boolean): CounterCondition {
  return { leaseCounter, checkpointOwner: isHandingOver ? workerId : null };
}

/** Renews the lease. @param when - see {@link keepCondition}. */
export function renewUpdate(when: CounterCondition): LeaseUpdate {
  return { when, set: { leaseCounter: when.leaseCounter + 1 } };
}

/** Makes a write that keeps a lease the pulse of its worker. */
export function withPulse(update: LeaseUpdate): LeaseUpdate {
  const { leaseCounter } = update.set;
  return { ...update, set: { ...update.set, ...(leaseCounter !== undefined && { pulse: leaseCounter }) } };
}

/** Makes `workerId` the owner of the row, whoever the owner was, if the row is as it was read. */
export function takeUpdate(row: LeaseRow, workerId: string, processId: string): LeaseUpdate {
  return {
    when: { leaseCounter: row.leaseCounter },
    set: { leaseOwner: workerId, gracefulOwner: workerId, processId, leaseCounter: row.leaseCounter + 1 },
    remove: ['checkpointOwner'],
    switchesOwner: row.leaseOwner !== undefined && row.leaseOwner !== workerId,
  };
}

/** Asks the owner to finish and to hand the lease over; the counter stays, so that the owner can still renew the lease. */
export function askUpdate({ leaseOwner }: { readonly leaseOwner: string }, workerId: string): LeaseUpdate {
  return { when: { leaseOwner, checkpointOwner: null }, set: { leaseOwner: workerId, checkpointOwner: leaseOwner } };
}

/** Withdraws such a request: the lease stays with its owner. */
export function withdrawUpdate(workerId: string, checkpointOwner: string): LeaseUpdate {
  return { when: { leaseOwner: workerId, checkpointOwner }, set: { leaseOwner: checkpointOwner }, remove: ['checkpointOwner'] };
}

/** Removes a former owner that does not hold the lease any more. The counter stays, since the lease is another worker's. */
export function resignUpdate({ leaseOwner }: { readonly leaseOwner: string }, workerId: string): LeaseUpdate {
  return { when: { leaseOwner, checkpointOwner: workerId }, set: {}, remove: ['checkpointOwner'] };
}

/** Hands the lease over to the next owner that the row names. */
export function handOverUpdate(leaseCounter: number, workerId: string, leaseOwner: string): LeaseUpdate {
  return {
    when: { leaseCounter, leaseOwner, checkpointOwner: workerId },
    set: { leaseCounter: leaseCounter + 1 },
    remove: ['checkpointOwner'],
    switchesOwner: true,
  };
}

/** Removes the owner from the row, so that any worker may take the lease at once. */
export function releaseUpdate(leaseCounter: number, workerId: string): LeaseUpdate {
  return {
    // Stricter than KCL: during a hand-over the lease is promised to another worker.
    when: { leaseCounter, leaseOwner: workerId, checkpointOwner: null },
    set: { leaseCounter: leaseCounter + 1 },
    remove: ['leaseOwner', 'gracefulOwner'],
  };
}

/** Removes an owner that is gone from the row, if the row is as it was read. */
export function freeUpdate({ leaseCounter, leaseOwner = '' }: LeaseRow): LeaseUpdate {
  return {
    when: { leaseCounter, leaseOwner },
    set: { leaseCounter: leaseCounter + 1 },
    remove: ['leaseOwner', 'gracefulOwner', 'checkpointOwner'],
  };
}

/** Moves the checkpoint; at a shard's end it also writes the ids of the children. */
export function checkpointUpdate(when: CounterCondition, checkpoint: StoredCheckpoint, childShardIds: readonly string[] = []): LeaseUpdate {
  const { sequenceNumber, subSequenceNumber, shardStart, progress } = checkpoint;
  return {
    when,
    set: {
      leaseCounter: when.leaseCounter + 1,
      checkpoint: { sequenceNumber, subSequenceNumber },
      ...(shardStart !== undefined && { shardStart }),
      ...(progress !== undefined && { progress }),
      ...(childShardIds.length > 0 && { childShardIds }),
    },
    // Whoever puts the checkpoint back to LATEST means the time at which it is read then.
    remove: progress === undefined ? ['progress', 'startTimestamp'] : ['startTimestamp'],
  };
}

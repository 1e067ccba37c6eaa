import type { Position } from '../values/position.js';
import type { Item, LeaseRow } from './lease-row.js';

/** A conditional change of single attributes. A row is never replaced: that would wipe what KCL keeps in it. */
export interface LeaseUpdate {
  readonly UpdateExpression: string;
  readonly ConditionExpression: string;
  readonly ExpressionAttributeValues: Item;
}

/** Makes `workerId` the owner of the row as it was read. */
export function takeUpdate(row: LeaseRow, workerId: string): LeaseUpdate {
  const switchesOwner = row.leaseOwner !== undefined && row.leaseOwner !== workerId;
  return {
    UpdateExpression:
      'SET leaseOwner = :me, leaseCounter = :next REMOVE checkpointOwner' + (switchesOwner ? ' ADD ownerSwitchesSinceCheckpoint :one' : ''),
    ConditionExpression: 'leaseCounter = :read',
    ExpressionAttributeValues: { ':me': { S: workerId }, ...counters(row.leaseCounter), ...(switchesOwner && { ':one': { N: '1' } }) },
  };
}

/** Moves the checkpoint, and drops a pending one as every checkpoint of KCL does. */
export function checkpointUpdate(leaseCounter: number, { sequenceNumber, subSequenceNumber }: Position): LeaseUpdate {
  return {
    UpdateExpression:
      'SET checkpoint = :checkpoint, checkpointSubSequenceNumber = :sub, ownerSwitchesSinceCheckpoint = :zero, leaseCounter = :next' +
      ' REMOVE pendingCheckpoint, pendingCheckpointSubSequenceNumber, pendingCheckpointState',
    ConditionExpression: 'leaseCounter = :read',
    ExpressionAttributeValues: {
      ':checkpoint': { S: sequenceNumber },
      ':sub': { N: String(subSequenceNumber) },
      ':zero': { N: '0' },
      ...counters(leaseCounter),
    },
  };
}

/** Leaves the row without owner, so that any worker may take it at once. */
export function releaseUpdate(leaseCounter: number, workerId: string): LeaseUpdate {
  return {
    UpdateExpression: 'SET leaseCounter = :next REMOVE leaseOwner',
    // Stricter than KCL's: after a hand-over by its leader, which leaves the counter alone, the lease is another's.
    ConditionExpression: 'leaseOwner = :me AND leaseCounter = :read',
    ExpressionAttributeValues: { ':me': { S: workerId }, ...counters(leaseCounter) },
  };
}

function counters(read: number): Item {
  return { ':read': { N: String(read) }, ':next': { N: String(read + 1) } };
}

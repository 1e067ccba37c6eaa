import type { UpdateItemCommandInput } from '@aws-sdk/client-dynamodb';
import type { LeaseUpdate } from '../leases/lease-updates.js';
import type { Item } from './lease-row.js';

type Expressions = Pick<UpdateItemCommandInput, 'ConditionExpression' | 'UpdateExpression'> & { readonly ExpressionAttributeValues?: Item };

/** The attributes of a pending checkpoint: every checkpoint removes them, as in KCL. */
const PENDING = ['pendingCheckpoint', 'pendingCheckpointSubSequenceNumber', 'pendingCheckpointState'];

/** How many decimals KCL writes. */
const THROUGHPUT_DIGITS = 6;

/** Writes an update of a lease as DynamoDB's expressions: it changes single attributes only. */
export function updateExpression({ when, set, remove = [], switchesOwner = false }: LeaseUpdate): Expressions {
  const values: Record<string, Item[string]> = {};
  const sets = Object.entries(assigned(set)).map(([attribute, value]) => {
    values[`:${attribute}`] = value;
    return `${attribute} = :${attribute}`;
  });
  const removed = [...remove, ...(set.checkpoint ? PENDING : [])];
  if (switchesOwner) values[':one'] = { N: '1' };
  const clauses = [
    sets.length > 0 && `SET ${sets.join(', ')}`,
    removed.length > 0 && `REMOVE ${removed.join(', ')}`,
    switchesOwner && 'ADD ownerSwitchesSinceCheckpoint :one',
  ];
  return {
    UpdateExpression: clauses.filter((clause) => clause !== false).join(' '),
    ConditionExpression: conditionOf(when, values),
    ExpressionAttributeValues: values,
  };
}

/** The attributes that an update sets. */
function assigned({ checkpoint, leaseCounter, pulse, childShardIds, throughputKBps, ...texts }: LeaseUpdate['set']): Item {
  return {
    ...Object.fromEntries(Object.entries(texts).map(([attribute, text]) => [attribute, { S: text }])),
    ...(leaseCounter !== undefined && { leaseCounter: { N: String(leaseCounter) } }),
    ...(pulse !== undefined && { pulse: { N: String(pulse) } }),
    ...(throughputKBps !== undefined && { throughputKBps: { N: throughputKBps.toFixed(THROUGHPUT_DIGITS) } }),
    ...(childShardIds && { childShardIds: { SS: [...childShardIds] } }),
    ...(checkpoint && {
      checkpoint: { S: checkpoint.sequenceNumber },
      checkpointSubSequenceNumber: { N: String(checkpoint.subSequenceNumber) },
      ownerSwitchesSinceCheckpoint: { N: '0' },
    }),
  };
}

/** The condition of an update. It always demands that the row exists: otherwise the update would make one. */
function conditionOf(when: LeaseUpdate['when'], values: Record<string, Item[string]>): string {
  const conditions = Object.entries(when).map(([attribute, value]: [string, string | number | null]) => {
    if (value === null) return `attribute_not_exists(${attribute})`;
    values[`:was_${attribute}`] = typeof value === 'number' ? { N: String(value) } : { S: value };
    return `${attribute} = :was_${attribute}`;
  });
  return ['attribute_exists(leaseKey)', ...conditions].join(' AND ');
}

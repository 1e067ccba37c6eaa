import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { InvalidValueError } from '../values/errors.js';
import { assertPosition, TRIM_HORIZON, type AT_TIMESTAMP, type LATEST, type Position } from '../values/position.js';
import type { ShardIdentity } from '../values/shard-id.js';

/** An item as DynamoDB holds it. */
export type Item = Readonly<Record<string, AttributeValue>>;

/** Where KCL workers begin a shard that has no checkpoint. */
export type InitialPosition = typeof TRIM_HORIZON | typeof LATEST | typeof AT_TIMESTAMP;

/** What this package reads of a shard's row. Other attributes are left as they are. */
export interface LeaseRow {
  /** The worker that holds the lease; absent when nobody does. */
  readonly leaseOwner?: string;
  /** While KCL 3 hands the lease over: the former owner, which holds it until it has finished. */
  readonly checkpointOwner?: string;
  /** Grows by 1 with every write of the row. */
  readonly leaseCounter: number;
  /** How far the shard is done, or the sentinel that the row was made with. */
  readonly checkpoint: Position;
}

/**
 * Reads a row of KCL's lease table.
 *
 * @param where - the table and the key, for messages.
 * @throws InvalidValueError that names the table, the key and the attribute.
 */
export function readRow(item: Item, where: string): LeaseRow {
  // KCL 3.5 keeps other things in the same table. A lease that older versions made has no type.
  const entityType = optionalText(item, 'entityType', where);
  if (entityType !== undefined && entityType !== 'LEASE') throw malformed(where, 'entityType', 'LEASE or nothing');
  const leaseOwner = optionalText(item, 'leaseOwner', where);
  const checkpointOwner = optionalText(item, 'checkpointOwner', where);
  return {
    ...(leaseOwner !== undefined && { leaseOwner }),
    ...(checkpointOwner !== undefined && { checkpointOwner }),
    leaseCounter: wholeNumber(item, 'leaseCounter', where),
    checkpoint: readCheckpoint(item, where),
  };
}

/**
 * The row of a shard that no worker has taken yet, as KCL makes it.
 *
 * @remarks
 * A child of a reshard begins at TRIM_HORIZON whatever the initial position is, else its first records were lost. A set
 * must be absent rather than empty.
 */
export function newRow(shard: ShardIdentity, initialPosition: InitialPosition): Item {
  const isChild = shard.parentShardIds.length > 0;
  const { startingHashKey, endingHashKey } = shard.hashKeyRange ?? {};
  return {
    leaseKey: { S: shard.shardId },
    leaseCounter: { N: '0' },
    ownerSwitchesSinceCheckpoint: { N: '0' },
    checkpoint: { S: isChild ? TRIM_HORIZON : initialPosition },
    checkpointSubSequenceNumber: { N: '0' },
    ...(isChild && { parentShardId: { SS: [...shard.parentShardIds] } }),
    ...(startingHashKey !== undefined && { startingHashKey: { S: startingHashKey } }),
    ...(endingHashKey !== undefined && { endingHashKey: { S: endingHashKey } }),
  };
}

function readCheckpoint(item: Item, where: string): Position {
  const sequenceNumber = optionalText(item, 'checkpoint', where);
  if (sequenceNumber === undefined) throw malformed(where, 'checkpoint', 'a string');
  const subSequenceNumber = item.checkpointSubSequenceNumber ? wholeNumber(item, 'checkpointSubSequenceNumber', where) : 0;
  const position = { sequenceNumber, subSequenceNumber };
  assertPosition(position, `${where}, attribute checkpoint`);
  return position;
}

function optionalText(item: Item, attribute: string, where: string): string | undefined {
  const value = item[attribute];
  if (value && typeof value.S !== 'string') throw malformed(where, attribute, 'a string');
  return value?.S;
}

function wholeNumber(item: Item, attribute: string, where: string): number {
  const number = Number(item[attribute]?.N ?? NaN);
  if (!Number.isSafeInteger(number) || number < 0) throw malformed(where, attribute, 'a whole number from 0 up');
  return number;
}

function malformed(where: string, attribute: string, expected: string): InvalidValueError {
  return new InvalidValueError(`${where}, attribute ${attribute}: expected ${expected}`);
}

import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import type { LeaseRow, NewLease } from '../leases/lease.js';
import { InvalidValueError } from '../values/errors.js';
import { assertPosition, type Position } from '../values/position.js';
import type { HashKeyRange } from '../values/shard-id.js';

/** A hash key as Kinesis writes it: https://docs.aws.amazon.com/kinesis/latest/APIReference/API_HashKeyRange.html */
const HASH_KEY = /^(?:0|[1-9]\d{0,38})$/;

/** An item as DynamoDB holds it. */
export type Item = Readonly<Record<string, AttributeValue>>;

/**
 * Reads a row of KCL's lease table.
 *
 * @param where - the table and the key, for messages.
 * @throws InvalidValueError that names the table, the key and the attribute.
 */
export function readRow(item: Item, where: string): LeaseRow {
  // KCL 3.5 keeps other items in the same table. The leases of older versions have no type.
  const entityType = optionalText(item, 'entityType', where);
  if (entityType !== undefined && entityType !== 'LEASE') throw malformed(where, 'entityType', 'LEASE or nothing');
  const hashKeyRange = readHashKeys(item);
  const shardStart = optionalText(item, 'shardStart', where);
  const progress = optionalText(item, 'progress', where);
  const processId = item.processId?.S;
  const [rings, pulse, startTimestamp] = [Number(item.rings?.N), Number(item.pulse?.N), Number(item.startTimestamp?.N)];
  return {
    leaseKey: optionalText(item, 'leaseKey', where) ?? '',
    ...owner(item, 'leaseOwner', where),
    ...owner(item, 'checkpointOwner', where),
    ...owner(item, 'gracefulOwner', where),
    ...(processId !== undefined && { processId }),
    leaseCounter: wholeNumber(item, 'leaseCounter', where),
    checkpoint: readCheckpoint(item, where),
    ...(shardStart !== undefined && { shardStart }),
    ...(progress !== undefined && { progress }),
    // A hint that is none: absent, since NaN would differ from itself at each look.
    ...(Number.isSafeInteger(startTimestamp) && { startTimestamp }),
    ...(Number.isSafeInteger(rings) && { rings }),
    ...(Number.isSafeInteger(pulse) && { pulse }),
    parentShardIds: item.parentShardId?.SS ?? [],
    childShardIds: item.childShardIds?.SS ?? [],
    ...(hashKeyRange && { hashKeyRange }),
  };
}

/** Makes a row like KCL's. A set must be absent rather than empty. */
export function newRow(lease: NewLease): Item {
  const { leaseKey, leaseOwner, gracefulOwner, processId, leaseCounter, checkpoint, shardStart, startTimestamp } = lease;
  const { progress, pulse, parentShardIds, hashKeyRange } = lease;
  const { startingHashKey, endingHashKey } = hashKeyRange ?? {};
  return {
    leaseKey: { S: leaseKey },
    leaseCounter: { N: String(leaseCounter) },
    ownerSwitchesSinceCheckpoint: { N: '0' },
    checkpoint: { S: checkpoint.sequenceNumber },
    checkpointSubSequenceNumber: { N: String(checkpoint.subSequenceNumber) },
    ...(leaseOwner !== undefined && { leaseOwner: { S: leaseOwner } }),
    ...(gracefulOwner !== undefined && { gracefulOwner: { S: gracefulOwner } }),
    ...(processId !== undefined && { processId: { S: processId } }),
    ...(shardStart !== undefined && { shardStart: { S: shardStart } }),
    ...(startTimestamp !== undefined && { startTimestamp: { N: String(startTimestamp) } }),
    ...(progress !== undefined && { progress: { S: progress } }),
    ...(pulse !== undefined && { pulse: { N: String(pulse) } }),
    ...(parentShardIds.length > 0 && { parentShardId: { SS: [...parentShardIds] } }),
    ...(startingHashKey !== undefined && { startingHashKey: { S: startingHashKey } }),
    ...(endingHashKey !== undefined && { endingHashKey: { S: endingHashKey } }),
  };
}

/** Reads an owner. An empty text means no owner: DynamoDB allows it, KCL never writes it. */
function owner<T extends 'leaseOwner' | 'checkpointOwner' | 'gracefulOwner'>(
  item: Item,
  attribute: T,
  where: string,
): { [K in T]?: string } {
  const name = optionalText(item, attribute, where);
  return (name ? { [attribute]: name } : {}) as { [K in T]?: string };
}

function readCheckpoint(item: Item, where: string): Position {
  const sequenceNumber = optionalText(item, 'checkpoint', where);
  if (sequenceNumber === undefined) throw malformed(where, 'checkpoint', 'a string');
  const subSequenceNumber = item.checkpointSubSequenceNumber ? wholeNumber(item, 'checkpointSubSequenceNumber', where) : 0;
  const position = { sequenceNumber, subSequenceNumber };
  assertPosition(position, `${where}, attribute checkpoint`);
  return position;
}

/**
 * Reads the hash keys. Malformed ones are absent, as in rows of old versions: they serve to audit and clean up the table, and nobody needs them to
 * work on the shard, whose own are those that the stream lists.
 */
function readHashKeys({ startingHashKey, endingHashKey }: Item): HashKeyRange | undefined {
  const [starting, ending] = [startingHashKey?.S ?? '', endingHashKey?.S ?? ''];
  if (!HASH_KEY.test(starting) || !HASH_KEY.test(ending) || BigInt(starting) > BigInt(ending)) return undefined;
  return { startingHashKey: starting, endingHashKey: ending };
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

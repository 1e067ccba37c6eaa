import { md5 } from 'js-md5';
import type { HashKeyRange } from '../../values/shard-id.js';
import { readAggregateMessage, type AggregateMessage } from './aggregate-message.js';
import { hashKeyLimits, holdsHashKey, holdsPartitionKey, readHashKey, type HashKeyLimits } from './hash-keys.js';
import { KeyTable } from './key-table.js';
import type { AggregateProblem } from './config.js';
import { MalformedMessage } from './protobuf-reader.js';

/** A user record of an aggregate. */
export interface UserRecord {
  /** Its index in the aggregate. */
  readonly index: number;
  readonly partitionKey: string;
  readonly explicitHashKey: string | undefined;
  /** A view of the aggregate's bytes. */
  readonly data: Uint8Array;
  /** Whether its hash key is in the shard's range. */
  readonly isInRange: boolean;
}

/** Why a record that begins like an aggregate is not opened. */
export type Refusal = Extract<AggregateProblem, { type: 'malformed' }>['reason'];

/** Whether a payload begins with the four magic bytes of a KPL aggregate. */
export function beginsLikeAggregate(data: Uint8Array): boolean {
  return data[0] === 0xf3 && data[1] === 0x89 && data[2] === 0x9a && data[3] === 0xc2;
}

/**
 * All user records of an aggregate; or the reason why it cannot be opened.
 *
 * @remarks
 * Work and memory are proportional to the payload: a key is decoded and hashed once, however many records use it. The layout is that of
 * KPL's aggregation-format.md: the magic bytes, the message, its MD5.
 */
export function openAggregate(data: Uint8Array, hashKeyRange?: HashKeyRange): readonly UserRecord[] | Refusal {
  const end = data.length - DIGEST_BYTES;
  if (end <= MAGIC_BYTES || !hasDigest(data, end)) return 'checksum';
  try {
    return userRecords(data, readAggregateMessage(data, MAGIC_BYTES, end), hashKeyRange);
  } catch (error) {
    if (error instanceof MalformedMessage) return 'message';
    throw error;
  }
}

const MAGIC_BYTES = 4;
const DIGEST_BYTES = 16;

function hasDigest(data: Uint8Array, end: number): boolean {
  const digest = md5.array(data.subarray(MAGIC_BYTES, end));
  return digest.every((byte, i) => byte === data[end + i]);
}

function userRecords(data: Uint8Array, message: AggregateMessage, hashKeyRange: HashKeyRange | undefined): readonly UserRecord[] | Refusal {
  const limits = hashKeyRange && hashKeyLimits(hashKeyRange);
  const partitionKeys = new KeyTable(data, message.partitionKeys, (key) => !limits || holdsPartitionKey(limits, key));
  const explicitHashKeys = new KeyTable(data, message.explicitHashKeys, (key) => standingOf(key, limits));
  const opened: UserRecord[] = [];
  for (const { partitionKeyIndex, explicitHashKeyIndex, dataStart, dataEnd } of message.records) {
    const isExplicit = explicitHashKeyIndex !== undefined;
    if (!partitionKeys.has(partitionKeyIndex) || (isExplicit && !explicitHashKeys.has(explicitHashKeyIndex))) return 'key-index';
    const standing = isExplicit && explicitHashKeys.verdictAt(explicitHashKeyIndex);
    if (standing === 'no number') return 'hash-key';
    opened.push({
      index: opened.length,
      partitionKey: partitionKeys.textAt(partitionKeyIndex),
      explicitHashKey: isExplicit ? explicitHashKeys.textAt(explicitHashKeyIndex) : undefined,
      data: data.subarray(dataStart, dataEnd),
      isInRange: isExplicit ? standing === 'inside' : partitionKeys.verdictAt(partitionKeyIndex),
    });
  }
  return opened;
}

function standingOf(explicitHashKey: string, limits: HashKeyLimits | undefined): 'inside' | 'no number' | 'outside' {
  const number = readHashKey(explicitHashKey);
  if (number === undefined) return 'no number';
  return holdsHashKey(limits, number) ? 'inside' : 'outside';
}

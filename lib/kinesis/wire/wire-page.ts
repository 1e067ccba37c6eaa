import type { GetRecordsPage, PortChildShard, PortRecord } from '../port.js';
import { WireError } from './wire-error.js';

/** A record as the SDK gives it. */
export interface WireRecord extends PortRecord {
  readonly EncryptionType?: string;
}

/** A page as the SDK gives it, without `$metadata`. Fields may be missing: readers check the page. */
export interface WirePage extends Omit<GetRecordsPage, 'Records'> {
  readonly Records?: readonly WireRecord[];
}

/** Makes a page without the fields that are absent or `null` in the answer. */
export function wirePage(
  Records: readonly WireRecord[] | undefined,
  NextShardIterator: string | undefined,
  MillisBehindLatest: number | undefined,
  ChildShards: readonly PortChildShard[] | undefined,
): WirePage {
  return {
    ...(Records && { Records }),
    ...(NextShardIterator !== undefined && { NextShardIterator }),
    ...(MillisBehindLatest !== undefined && { MillisBehindLatest }),
    ...(ChildShards && { ChildShards }),
  };
}

/** Makes a record; in one place, so that all records have the same shape. @throws WireError without a required field */
export function wireRecord(
  SequenceNumber: string | undefined,
  PartitionKey: string | undefined,
  Data: Uint8Array | undefined,
  time: number | undefined,
  EncryptionType: string | undefined,
): WireRecord {
  if (SequenceNumber === undefined || PartitionKey === undefined || Data === undefined) {
    throw new WireError('a record without sequence number, partition key or payload');
  }
  if (time === undefined) return { SequenceNumber, Data, PartitionKey, ...(EncryptionType !== undefined && { EncryptionType }) };
  const ApproximateArrivalTimestamp = dateOf(time);
  if (EncryptionType === undefined) return { SequenceNumber, ApproximateArrivalTimestamp, Data, PartitionKey };
  return { SequenceNumber, ApproximateArrivalTimestamp, Data, PartitionKey, EncryptionType };
}

/** As seconds this number is the year 5138, as milliseconds it is in 1973: no answer has a time near either. */
const SECONDS_END = 1e11;

/** Reads a time: the service sends ms in CBOR and seconds in JSON; emulators send either of them in CBOR. */
function dateOf(time: number): Date {
  return new Date(time < SECONDS_END ? Math.round(time * 1000) : time);
}

/** The children that a page names, with the fields that the API knows. */
export function childShardsOf(value: unknown): PortChildShard[] | undefined {
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value)) throw new WireError('child shards that are no array');
  return value.map((child: unknown) => {
    const { ShardId, ParentShards, HashKeyRange } = fieldsOf(child);
    if (typeof ShardId !== 'string' || !Array.isArray(ParentShards)) throw new WireError('a child shard without id or parents');
    const { StartingHashKey, EndingHashKey } = fieldsOf(HashKeyRange);
    if (typeof StartingHashKey !== 'string' || typeof EndingHashKey !== 'string') throw new WireError('a child shard without hash keys');
    return { ShardId, ParentShards: ParentShards.map(String), HashKeyRange: { StartingHashKey, EndingHashKey } };
  });
}

/** The fields of an object in an answer. */
export function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) throw new WireError(`an object was expected, and not ${typeof value}`);
  return value as Readonly<Record<string, unknown>>;
}

import type { GetRecordsPage, PortChildShard, PortRecord } from '../port.js';
import { WireError } from './wire-error.js';

/** A record as the SDK gives it. */
export interface WireRecord extends PortRecord {
  readonly EncryptionType?: string;
}

/** A page as the SDK gives it, but for `$metadata`: what is missing is for whoever reads it to see. */
export interface WirePage extends Omit<GetRecordsPage, 'Records'> {
  readonly Records?: readonly WireRecord[];
}

/** Makes a page. What the answer leaves out, and what it has `null` for, is left out. */
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

/** Makes a record, in one place so that all have one shape. Without its required fields it is none. */
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

/** As a number of seconds this is the year 5138, as one of milliseconds it is in 1973: no answer is near either. */
const SECONDS_END = 1e11;

/** A time on the wire: the service sends ms in CBOR and seconds in JSON, emulators either of them in CBOR. */
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

import type { ShardName } from './shard-id.js';

/** One user record of a Kinesis stream. */
export interface KinesisRecord {
  /** The name of the stream. */
  readonly streamName: string;
  /** The id of the shard, for example `shardId-000000000000`. */
  readonly shardId: string;
  /** A decimal number of any length, increasing within a shard but not dense. Compare with `comparePositions`, never as a string. */
  readonly sequenceNumber: string;
  /** The index within a KPL aggregate, 0 for a plain record. */
  readonly subSequenceNumber: number;
  /** The partition key that chose the shard. */
  readonly partitionKey: string;
  /**
   * The payload. It may share its buffer (at most 64 KiB by default) with the payloads of other records: copy it (`data.slice()`)
   * before you transfer or change that buffer, or ask for `payloads: 'copies'`.
   */
  readonly data: Uint8Array;
  /** When Kinesis received the record, in whole ms by the service's clock. */
  readonly approximateArrivalTimestamp?: Date;
  /** The hash key that overrode the partition key's, where the KPL recorded one. */
  readonly explicitHashKey?: string;
}

/** The fields of a record that its shard does not know already. */
export interface RecordFields {
  /** A decimal number of up to 56 digits, as text: compare it as a number. */
  readonly sequenceNumber: string;
  /** The index within a KPL aggregate; 0 for a plain record. */
  readonly subSequenceNumber: number;
  /** The key that the producer has given, of 1 to 256 characters. */
  readonly partitionKey: string;
  /** The payload, decoded; where it lies in memory is said by `payloads`. */
  readonly data: Uint8Array;
  /** When Kinesis took the record, where Kinesis said so. */
  readonly approximateArrivalTimestamp: Date | undefined;
  /** The hash key that overrode the partition key's, where the KPL recorded one. */
  readonly explicitHashKey?: string;
}

/** A plain record of a shard, with no place in a ledger. */
export function recordOf(shard: ShardName, fields: RecordFields): KinesisRecord {
  const { streamName, shardId } = shard;
  const { approximateArrivalTimestamp, explicitHashKey, ...others } = fields;
  return {
    streamName,
    shardId,
    ...others,
    ...(approximateArrivalTimestamp && { approximateArrivalTimestamp }),
    ...(explicitHashKey !== undefined && { explicitHashKey }),
  };
}

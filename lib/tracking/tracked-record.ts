import type { KinesisRecord, RecordFields } from '../values/record.js';
import type { TrackedShard } from './tracked-shard.js';

/** Where a record stands in the ledger of its shard. */
export interface Delivery {
  readonly shard: TrackedShard;
  readonly ordinal: number;
  /** The bytes that the shard had delivered after this record. */
  readonly bytesThrough: number;
}

/**
 * A record that a source delivered: a plain {@link KinesisRecord} to look at, that also knows its shard and its place there.
 *
 * @remarks
 * Both are in private fields: they cost no WeakMap entry a record, and equality and JSON do not see them. A copy
 * (`{ ...record }`) does not have them, and is treated like a record made by hand.
 */
export class TrackedRecord implements KinesisRecord {
  readonly streamName: string;
  readonly shardId: string;
  readonly sequenceNumber: string;
  readonly subSequenceNumber: number;
  readonly partitionKey: string;
  readonly data: Uint8Array;
  declare readonly approximateArrivalTimestamp?: Date;
  declare readonly explicitHashKey?: string;
  readonly #shard: TrackedShard;
  readonly #ordinal: number;
  readonly #bytesThrough: number;

  constructor(shard: TrackedShard, fields: RecordFields, ordinal: number, bytesThrough: number) {
    this.streamName = shard.identity.streamName;
    this.shardId = shard.identity.shardId;
    this.sequenceNumber = fields.sequenceNumber;
    this.subSequenceNumber = fields.subSequenceNumber;
    this.partitionKey = fields.partitionKey;
    this.data = fields.data;
    if (fields.approximateArrivalTimestamp) this.approximateArrivalTimestamp = fields.approximateArrivalTimestamp;
    if (fields.explicitHashKey !== undefined) this.explicitHashKey = fields.explicitHashKey;
    this.#shard = shard;
    this.#ordinal = ordinal;
    this.#bytesThrough = bytesThrough;
  }

  /** Where `record` stands in its shard; `undefined` for a record made by hand. */
  static deliveryOf(record: KinesisRecord): Delivery | undefined {
    return #shard in record ? { shard: record.#shard, ordinal: record.#ordinal, bytesThrough: record.#bytesThrough } : undefined;
  }

  /** Whether nothing was read between `a` and `b`; of records made by hand, whether they are of one shard. */
  static follows(a: KinesisRecord, b: KinesisRecord): boolean {
    if (#shard in a) return #shard in b && a.#shard === b.#shard && a.#ordinal + 1 === b.#ordinal;
    return !(#shard in b) && a.shardId === b.shardId && a.streamName === b.streamName;
  }
}

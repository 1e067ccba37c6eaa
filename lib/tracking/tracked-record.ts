import type { KinesisRecord, RecordFields } from '../values/record.js';
import type { Ledger } from '../ledger/ledger.js';

/** Where a record stands in its shard's ledger. */
export interface Delivery {
  readonly ledger: Ledger;
  readonly ordinal: number;
  /** The ledger's delivered bytes after this record. */
  readonly bytesThrough: number;
}

/**
 * A record that a reader delivered: a plain {@link KinesisRecord} to look at, that also knows its place in the ledger.
 *
 * @remarks
 * The place is in a private field: it costs no WeakMap entry a record, and equality and JSON do not see it. A copy
 * (`{ ...record }`) does not have it, and is treated like a record made by hand.
 */
export class TrackedRecord implements KinesisRecord {
  readonly streamName: string;
  readonly shardId: string;
  readonly sequenceNumber: string;
  readonly subSequenceNumber: number;
  readonly partitionKey: string;
  readonly data: Uint8Array;
  declare readonly approximateArrivalTimestamp?: Date;
  readonly #ledger: Ledger;
  readonly #ordinal: number;
  readonly #bytesThrough: number;

  constructor(streamName: string, shardId: string, fields: RecordFields, ledger: Ledger, ordinal: number, bytesThrough: number) {
    this.streamName = streamName;
    this.shardId = shardId;
    this.sequenceNumber = fields.sequenceNumber;
    this.subSequenceNumber = fields.subSequenceNumber;
    this.partitionKey = fields.partitionKey;
    this.data = fields.data;
    if (fields.approximateArrivalTimestamp) this.approximateArrivalTimestamp = fields.approximateArrivalTimestamp;
    this.#ledger = ledger;
    this.#ordinal = ordinal;
    this.#bytesThrough = bytesThrough;
  }

  /** The place of `record` in its ledger; `undefined` for a record made by hand. */
  static deliveryOf(record: KinesisRecord): Delivery | undefined {
    return #ledger in record ? { ledger: record.#ledger, ordinal: record.#ordinal, bytesThrough: record.#bytesThrough } : undefined;
  }

  /** Whether nothing was read between `a` and `b`; of records made by hand, whether they are of one shard. */
  static follows(a: KinesisRecord, b: KinesisRecord): boolean {
    if (#ledger in a) return #ledger in b && a.#ledger === b.#ledger && a.#ordinal + 1 === b.#ordinal;
    return !(#ledger in b) && a.shardId === b.shardId && a.streamName === b.streamName;
  }
}

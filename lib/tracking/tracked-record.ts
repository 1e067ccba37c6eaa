import type { KinesisRecord, RecordFields } from '../values/record.js';
import type { TrackedShard } from './tracked-shard.js';

/** Where a record stands in the ledger of its shard. */
export interface Delivery {
  readonly shard: TrackedShard;
  readonly ordinal: number;
  /** The payload bytes that the shard had delivered up to and with this record. */
  readonly bytesThrough: number;
}

/** Every copy of the package in a process reads the records of the others by these symbols; `1` is the version of their meaning. */
const SHARD: unique symbol = Symbol.for('rx-kinesis/1/shard') as never;
const ORDINAL: unique symbol = Symbol.for('rx-kinesis/1/ordinal') as never;
const BYTES_THROUGH: unique symbol = Symbol.for('rx-kinesis/1/bytesThrough') as never;

/**
 * A record that a source delivered: it looks like a plain {@link KinesisRecord}, and also knows its shard and its place there.
 *
 * @remarks
 * Both are in private fields, read through accessors of the prototype: they need no WeakMap entry for each record, equality and JSON ignore
 * them, and another copy of the package can read them. A copy of a record (`{ ...record }`) does not have them, and is
 * treated like a record made by hand.
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

  get [SHARD](): TrackedShard {
    return this.#shard;
  }

  get [ORDINAL](): number {
    return this.#ordinal;
  }

  get [BYTES_THROUGH](): number {
    return this.#bytesThrough;
  }

  /** The place of `record` in the ledger of its shard; `undefined` for a record made by hand. */
  static deliveryOf(record: KinesisRecord): Delivery | undefined {
    const { [SHARD]: shard, [ORDINAL]: ordinal, [BYTES_THROUGH]: bytesThrough } = record as TrackedRecord;
    return (shard as TrackedShard | undefined) && { shard, ordinal, bytesThrough };
  }

  /** Whether no record was read between `a` and `b`; for records made by hand, whether both are of one shard. */
  static follows(a: KinesisRecord, b: KinesisRecord | undefined): boolean {
    const shard = (a as Partial<TrackedRecord>)[SHARD];
    if (shard !== (b as Partial<TrackedRecord> | undefined)?.[SHARD]) return false;
    if (shard) return (a as TrackedRecord)[ORDINAL] + 1 === (b as TrackedRecord)[ORDINAL];
    return a.shardId === b?.shardId && a.streamName === b.streamName;
  }
}

import type { RecordFields } from '../values/record.js';
import { BYTES_THROUGH, ORDINAL, SHARD, type DeliveredRecord } from './delivery.js';
import type { TrackedShard } from './tracked-shard.js';

/**
 * A record that a source delivered: it looks like a plain `KinesisRecord`, and also knows its shard and its place there.
 *
 * @remarks
 * Both are in private fields, read through accessors of the prototype: they need no WeakMap entry for each record, equality and JSON ignore
 * them, and another copy of the package can read them. A copy of a record (`{ ...record }`) does not have them, and is
 * treated like a record made by hand. `delivery.ts` reads them.
 */
export class TrackedRecord implements DeliveredRecord {
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
}

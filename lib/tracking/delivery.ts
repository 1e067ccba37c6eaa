import type { KinesisRecord } from '../values/record.js';
import { sameShard } from '../values/shard-id.js';
import type { TrackedShard } from './tracked-shard.js';

/** Where a record stands in the ledger of its shard. */
export interface Delivery {
  readonly shard: TrackedShard;
  readonly ordinal: number;
  /** The payload bytes that the shard had delivered up to and with this record. */
  readonly bytesThrough: number;
}

/** Every copy of the package in a process reads the records of the others by these symbols; `1` is the version of their meaning. */
export const SHARD: unique symbol = Symbol.for('rx-kinesis/1/shard') as never;
export const ORDINAL: unique symbol = Symbol.for('rx-kinesis/1/ordinal') as never;
export const BYTES_THROUGH: unique symbol = Symbol.for('rx-kinesis/1/bytesThrough') as never;

/** A record that a source delivered. */
export interface DeliveredRecord extends KinesisRecord {
  readonly [SHARD]: TrackedShard;
  readonly [ORDINAL]: number;
  readonly [BYTES_THROUGH]: number;
}

/** The place of `record` in the ledger of its shard; `undefined` for a record made by hand. */
export function deliveryOf(record: KinesisRecord): Delivery | undefined {
  const { [SHARD]: shard, [ORDINAL]: ordinal, [BYTES_THROUGH]: bytesThrough } = record as DeliveredRecord;
  return (shard as TrackedShard | undefined) && { shard, ordinal, bytesThrough };
}

/** Whether no record was read between `a` and `b`; for records made by hand, whether both are of one shard. */
export function follows(a: KinesisRecord | undefined, b: KinesisRecord | undefined): boolean {
  if (!a) return false;
  const shard = (a as Partial<DeliveredRecord>)[SHARD];
  if (shard !== (b as Partial<DeliveredRecord> | undefined)?.[SHARD]) return false;
  if (shard) return (a as DeliveredRecord)[ORDINAL] + 1 === (b as DeliveredRecord)[ORDINAL];
  return b !== undefined && sameShard(a, b);
}

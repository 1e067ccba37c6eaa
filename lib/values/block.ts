import type { KinesisRecord } from './record.js';
import { endOf, positionToString, rangeToString, startOf, type SequenceNumberRanges } from './sequence-range.js';

/** A group of records that is worked on and settled together, and read again together when it is lost. */
export interface Block<T = KinesisRecord> {
  /** Derived from the ranges: the same ranges give the same id in every process, so a sink can recognise a repeat. */
  readonly id: string;
  /** The records, in the order in which they were read. */
  readonly records: readonly T[];
  /** Exactly which records of Kinesis the block holds. The ledger identifies the block by this instance. */
  readonly ranges: SequenceNumberRanges;
  /** Whether the records were read again from Kinesis after a loss. */
  readonly recovered: boolean;
}

/** Makes a block; its id follows from its ranges. */
export function makeBlock<T>(records: readonly T[], ranges: SequenceNumberRanges, recovered = false): Block<T> {
  return { id: blockId(ranges), records, ranges, recovered };
}

/**
 * The id of the block with these ranges: the first range as text, then the number of the other ranges and their hash.
 *
 * @remarks
 * A record has one place in one shard, and a block's ranges do not overlap, so stream, shard, both ends and the count of the first
 * range identify a block among all blocks that one pipeline makes. The other ranges enter the id as a 64-bit hash.
 */
export function blockId(ranges: SequenceNumberRanges): string {
  const [first, ...others] = ranges.ranges;
  if (!first) return 'empty';
  const id = `${first.streamName}/${first.shardId}/${positionToString(startOf(first))}-${positionToString(endOf(first))}/${first.recordCount}`;
  return others.length === 0 ? id : `${id}+${others.length}-${hash(others.map(rangeToString).join())}`;
}

/** Two 32-bit hashes in the manner of FNV-1a, with different seeds: the same on every platform, and synchronous, unlike Web Crypto. */
function hash(text: string): string {
  let a = 0x811c9dc5;
  let b = 0x2f0b4a27;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    a = Math.imul(a ^ unit, 0x01000193);
    b = Math.imul(b ^ unit, 0x01000193) ^ (b >>> 15);
  }
  return [a, b].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
}

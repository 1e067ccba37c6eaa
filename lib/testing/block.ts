import { makeBlock, type Block } from '../values/block.js';
import type { KinesisRecord } from '../values/record.js';
import { comparePositions } from '../values/position.js';
import { InvalidValueError } from '../values/errors.js';
import {
  endOf,
  positionToString,
  rangeOf,
  rangeToString,
  SequenceNumberRanges,
  type SequenceNumberRange,
} from '../values/sequence-range.js';
import { sameShard } from '../values/shard-id.js';
import { record } from './record.js';

/**
 * Makes a block by hand from its records, with one range for each run of records of one shard.
 *
 * @remarks No ledger has an entry for such a block: such blocks settle in order of arrival.
 *
 * @param records - records, or sequence numbers for {@link record}.
 * @throws InvalidValueError for a record that does not lie behind the one before it, if both are of one shard.
 *
 * @example
 * ```ts
 * import { block, record } from 'rx-kinesis/testing';
 *
 * block(1, 2, 3).ranges.toString(); // stream/shardId-000000000000[1..3 #3]
 * block(record(1), record(2, { shardId: 'shardId-000000000001' })).ranges.ranges.length; // 2
 * ```
 */
export function block(...records: ReadonlyArray<KinesisRecord | number | string>): Block {
  const all = records.map((item) => (typeof item === 'object' ? item : record(item)));
  return makeBlock(all, new SequenceNumberRanges(rangesOf(all)));
}

function rangesOf(records: readonly KinesisRecord[]): SequenceNumberRange[] {
  const ranges: SequenceNumberRange[] = [];
  for (const item of records) {
    const last = ranges.at(-1);
    if (last && sameShard(last, item)) ranges[ranges.length - 1] = extend(last, item);
    else ranges.push(rangeOf(item, item, item, 1));
  }
  return ranges;
}

function extend(range: SequenceNumberRange, item: KinesisRecord): SequenceNumberRange {
  if (comparePositions(endOf(range), item) >= 0)
    throw new InvalidValueError(`block: record ${positionToString(item)} comes after ${rangeToString(range)}`);
  const { sequenceNumber, subSequenceNumber } = item;
  return { ...range, toSeqNumber: sequenceNumber, toSubSeqNumber: subSequenceNumber, recordCount: range.recordCount + 1 };
}

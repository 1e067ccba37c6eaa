import { blockId, type Block } from '../values/block.js';
import { InvalidValueError } from '../values/errors.js';
import { assertPosition } from '../values/position.js';
import type { KinesisRecord } from '../values/record.js';
import { assertRange } from '../values/assert-range.js';
import { areOfRange, rangeToString, type SequenceNumberRange } from '../values/sequence-range.js';

/**
 * Throws unless `block` has this id, and its records match its ranges: the same number, in order, with the first and the last record of
 * each range.
 *
 * @throws InvalidValueError that names the range and not the records.
 */
export function assertWholeBlock(block: Block, id: string): void {
  const ranges: unknown = (block as Partial<Block> | undefined)?.ranges?.ranges;
  if (!Array.isArray(ranges) || !Array.isArray(block.records)) throw new InvalidValueError('expected a block with ranges and records');
  let start = 0;
  for (const range of ranges as SequenceNumberRange[]) {
    assertRange(range, 'a range of the block');
    assertRecords(block.records, start, range);
    start += range.recordCount;
  }
  if (start !== block.records.length) throw new InvalidValueError(`the block has ${block.records.length} records, its ranges ${start}`);
  if (block.id !== id || blockId(block.ranges) !== id) throw new InvalidValueError('the block is another than the one asked for');
}

function assertRecords(records: readonly KinesisRecord[], start: number, range: SequenceNumberRange): void {
  const end = start + range.recordCount;
  if (end > records.length) throw new InvalidValueError(`${rangeToString(range)}: the block has fewer records`);
  for (let i = start; i < end; i++) {
    const record = records[i]!;
    assertPosition(record, 'a record of the block');
    if (!(record.data instanceof Uint8Array) || typeof record.partitionKey !== 'string') {
      throw new InvalidValueError(`${rangeToString(range)}: the block has a record without payload bytes or partition key`);
    }
  }
  if (!areOfRange(records, start, range)) throw new InvalidValueError(`${rangeToString(range)}: the block has other records`);
}

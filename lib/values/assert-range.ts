import { InvalidValueError } from './errors.js';
import { isObject } from './isObject.js';
import { assertPosition, comparePositions, isSentinel } from './position.js';
import { endOf, startOf, type RangeToRead, type SequenceNumberRange } from './sequence-range.js';
import { shown } from './shown.js';

/**
 * Throws unless `range` can be read: its ids are such as Kinesis gives, both ends are sequence numbers, `from` is not after `to`, and
 * its count, if there is one, is at least 1.
 *
 * @param where - what the range belongs to, for the message.
 * @throws InvalidValueError
 */
export function assertRangeToRead(range: unknown, where: string): asserts range is RangeToRead {
  if (!isObject(range)) throw new InvalidValueError(`${where}: expected a range, got ${shown(range)}`);
  for (const field of ['streamName', 'shardId']) assertName(range[field], `${where}: expected ${field}`);
  const read = range as unknown as RangeToRead;
  const place = `${where} (${read.streamName}/${read.shardId})`;
  for (const end of [startOf(read), endOf(read)]) {
    assertPosition(end, place);
    if (isSentinel(end.sequenceNumber)) throw new InvalidValueError(`${place}: a range ends at records, not at ${end.sequenceNumber}`);
  }
  if (comparePositions(startOf(read), endOf(read)) > 0) throw new InvalidValueError(`${place}: the range ends before it begins`);
  const count: unknown = read.recordCount;
  if (count !== undefined && !(Number.isSafeInteger(count) && (count as number) >= 1)) {
    throw new InvalidValueError(`${place}: expected recordCount to be a whole number from 1 up, got ${shown(count)}`);
  }
}

/** Throws unless `range` can be read and has every field. @throws InvalidValueError */
export function assertRange(range: unknown, where: string): asserts range is SequenceNumberRange {
  assertRangeToRead(range, where);
  for (const field of ['fromSubSeqNumber', 'toSubSeqNumber', 'recordCount'] as const) {
    if (range[field] !== undefined) continue;
    throw new InvalidValueError(`${where} (${range.streamName}/${range.shardId}): expected ${field} to be a number, got undefined`);
  }
}

/** Source: StreamName of GetRecords' ARN and ShardId of GetShardIterator, Kinesis API Reference: 1 to 128 of these characters. */
const NAME = /^[\w.-]{1,128}$/;

function assertName(name: unknown, expected: string): void {
  if (typeof name === 'string' && NAME.test(name)) return;
  throw new InvalidValueError(`${expected} to be 1 to 128 letters, digits or ._-, got ${shown(name)}`);
}

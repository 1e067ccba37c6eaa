import { assertRangeToRead } from '../values/assert-range.js';
import { InvalidConfigError, InvalidValueError } from '../values/errors.js';
import type { RangeToRead, SequenceNumberRanges } from '../values/sequence-range.js';
import { shown } from '../values/shown.js';

/** The ranges of one call: those of a block, or a list of the ranges of many blocks. */
export type AskedRanges = SequenceNumberRanges<RangeToRead> | readonly RangeToRead[];

/** The ranges as a list, each of them checked. @throws InvalidValueError */
export function askedRanges(asked: AskedRanges): readonly RangeToRead[] {
  const list: unknown = Array.isArray(asked) ? asked : (asked as Partial<SequenceNumberRanges<RangeToRead>> | null | undefined)?.ranges;
  if (!Array.isArray(list)) throw new InvalidValueError(`expected sequence number ranges or a list of ranges, got ${shown(asked)}`);
  list.forEach((range, i) => assertRangeToRead(range, `range ${i}`));
  return list as readonly RangeToRead[];
}

/** @throws InvalidConfigError unless all ranges are of this stream. */
export function assertOneStream(ranges: readonly RangeToRead[], streamName: string): void {
  const foreign = ranges.find((range) => range.streamName !== streamName);
  if (foreign) throw new InvalidConfigError(`ranges: expected ranges of ${streamName} only, got one of ${foreign.streamName}`);
}

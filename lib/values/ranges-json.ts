import { assertRange, assertRangeToRead } from './assert-range.js';
import { InvalidValueError } from './errors.js';
import { isObject } from './isObject.js';
import { RANGES_VERSION, SequenceNumberRanges as Ranges, type RangeToRead, type SequenceNumberRange } from './sequence-range.js';
import { shown } from './shown.js';

/** The ranges of one block, in the order of its records: they identify the block, and are all that is needed to read it again. */
export interface SequenceNumberRanges<Range extends RangeToRead = SequenceNumberRange> extends Ranges<Range> {}

/**
 * The class of {@link Block.ranges}, with the reader of its JSON.
 *
 * @remarks `fromJSON` is added here and not in the class, so that a bundle of operators, which only make ranges, leaves the checks out.
 */
export const SequenceNumberRanges = /* @__PURE__ */ Object.assign(Ranges, { fromJSON: rangesFromJson });

/**
 * Reads what `toJSON()` of {@link SequenceNumberRanges} wrote, given as text or as a parsed value. A range may have only stream, shard,
 * from and to, see {@link RangeToRead}.
 *
 * @throws InvalidValueError with the index and the shard of the range that is malformed, or when the version is unknown.
 */
export function rangesFromJson(json: unknown): SequenceNumberRanges<RangeToRead> {
  return new Ranges(entriesOf(json).map((value, i) => readRange(value, i, assertRangeToRead)));
}

/** Like {@link rangesFromJson}, but refuses a range without all its fields. @throws InvalidValueError */
export function wholeRangesFromJson(json: unknown): SequenceNumberRanges {
  return new Ranges(entriesOf(json).map((value, i) => readRange(value, i, assertRange)));
}

function entriesOf(json: unknown): unknown[] {
  const value = typeof json === 'string' ? parse(json) : json;
  if (!isObject(value)) throw new InvalidValueError('sequence number ranges: expected an object with version and ranges');
  if (value.version !== RANGES_VERSION) {
    throw new InvalidValueError(`sequence number ranges: expected version ${RANGES_VERSION}, got ${shown(value.version)}`);
  }
  if (!Array.isArray(value.ranges)) throw new InvalidValueError('sequence number ranges: expected ranges to be an array');
  return value.ranges;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's message is left out: it quotes its input, which may be anything.
    throw new InvalidValueError(`sequence number ranges: expected JSON, got ${text.length} characters that are not`);
  }
}

/** Copies the known fields of a range; a field that is absent stays absent. */
function readRange<Range extends RangeToRead>(value: unknown, index: number, assertIs: AssertRange<Range>): Range {
  assertIs(value, `sequence number range ${index}`);
  const range: Partial<Record<keyof RangeToRead, unknown>> = {};
  for (const field of FIELDS) if (value[field] !== undefined) range[field] = value[field];
  return range as Range;
}

type AssertRange<Range extends RangeToRead> = (value: unknown, where: string) => asserts value is Range;

const FIELDS = [
  ...(['streamName', 'shardId', 'fromSeqNumber', 'toSeqNumber'] as const),
  ...(['fromSubSeqNumber', 'toSubSeqNumber', 'recordCount'] as const),
];

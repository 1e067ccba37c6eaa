import { InvalidValueError } from './errors.js';
import { assertPosition, comparePositions, isSentinel, type Position } from './position.js';

/** A run of records of one shard, inclusive at both ends. */
export interface SequenceNumberRange {
  /** The name of the stream. */
  readonly streamName: string;
  /** The id of the shard. */
  readonly shardId: string;
  /** The sequence number of the first record. */
  readonly fromSeqNumber: string;
  /** The sequence number of the last record. */
  readonly toSeqNumber: string;
  /** The first record's index in its KPL aggregate, 0 for a plain record. */
  readonly fromSubSeqNumber: number;
  /** The last record's index in its KPL aggregate, 0 for a plain record. */
  readonly toSubSeqNumber: number;
  /** How many user records the run holds, at least 1. */
  readonly recordCount: number;
}

/** What {@link SequenceNumberRanges.toJSON} gives: a schema version and the ranges. */
export interface SequenceNumberRangesJson {
  /** The schema's version. A reader refuses one that it does not know. */
  readonly version: typeof RANGES_VERSION;
  /** The ranges, in order. */
  readonly ranges: readonly SequenceNumberRange[];
}

const RANGES_VERSION = 1;

/** The ranges of one block, in the order of its records: the block's identity, and all that is needed to read it again. */
export class SequenceNumberRanges {
  /** The ranges, in order. */
  readonly ranges: readonly SequenceNumberRange[];

  constructor(ranges: readonly SequenceNumberRange[]) {
    this.ranges = ranges;
  }

  /** Whether there is no range. */
  isEmpty(): boolean {
    return this.ranges.length === 0;
  }

  /** Whether there is at least one range. */
  nonEmpty(): boolean {
    return this.ranges.length > 0;
  }

  /** The number of records in all the ranges. */
  get recordCount(): number {
    return this.ranges.reduce((sum, range) => sum + range.recordCount, 0);
  }

  /**
   * The same records in fewer ranges: neighbours that are certain to have nothing between them become one.
   *
   * @remarks Sequence numbers are not dense, so two ranges of plain records are never known to touch by their values alone.
   */
  merged(): SequenceNumberRanges {
    return new SequenceNumberRanges(mergeAdjacentRanges(this.ranges));
  }

  /** A line for people, for example `flights/shardId-000000000000[495…001..495…007 #7]`. */
  toString(): string {
    return this.ranges.map(rangeToString).join(', ');
  }

  /** The versioned form that {@link SequenceNumberRanges.fromJSON} reads. */
  toJSON(): SequenceNumberRangesJson {
    return { version: RANGES_VERSION, ranges: this.ranges };
  }

  /**
   * Reads what {@link SequenceNumberRanges.toJSON} wrote, given as text or as a parsed value.
   *
   * @throws InvalidValueError with the index and the shard of the range that is malformed, or when the version is unknown.
   */
  static fromJSON(json: unknown): SequenceNumberRanges {
    const value = typeof json === 'string' ? parse(json) : json;
    if (!isObject(value)) throw new InvalidValueError('sequence number ranges: expected an object with version and ranges');
    if (value.version !== RANGES_VERSION) {
      throw new InvalidValueError(`sequence number ranges: expected version ${RANGES_VERSION}, got ${String(value.version)}`);
    }
    if (!Array.isArray(value.ranges)) throw new InvalidValueError('sequence number ranges: expected ranges to be an array');
    return new SequenceNumberRanges(value.ranges.map(readRange));
  }
}

/** The place of a range's first record. */
export function startOf(range: SequenceNumberRange): Position {
  return { sequenceNumber: range.fromSeqNumber, subSequenceNumber: range.fromSubSeqNumber };
}

/** The place of a range's last record. */
export function endOf(range: SequenceNumberRange): Position {
  return { sequenceNumber: range.toSeqNumber, subSequenceNumber: range.toSubSeqNumber };
}

/** A line for people and error messages. */
export function rangeToString(range: SequenceNumberRange): string {
  const from = positionToString(startOf(range));
  const to = positionToString(endOf(range));
  return `${range.streamName}/${range.shardId}[${from}..${to} #${range.recordCount}]`;
}

/**
 * Throws unless `range` is well formed: ids present, both ends numbers, `from` not after `to`, a count from 1 up.
 *
 * @param where - what the range belongs to, for the message.
 * @throws InvalidValueError
 */
export function assertRange(range: SequenceNumberRange, where: string): void {
  if (!isObject(range)) throw new InvalidValueError(`${where}: expected a range, got ${typeof range}`);
  for (const field of ['streamName', 'shardId'] as const) {
    const id: unknown = range[field];
    if (typeof id !== 'string' || id === '') throw new InvalidValueError(`${where}: expected ${field} to be a non-empty string`);
  }
  const place = `${where} (${range.streamName}/${range.shardId})`;
  for (const end of [startOf(range), endOf(range)]) {
    assertPosition(end, place);
    if (isSentinel(end.sequenceNumber)) throw new InvalidValueError(`${place}: a range ends at records, not at ${end.sequenceNumber}`);
  }
  if (comparePositions(startOf(range), endOf(range)) > 0) throw new InvalidValueError(`${place}: the range ends before it begins`);
  if (!Number.isSafeInteger(range.recordCount) || range.recordCount < 1) {
    throw new InvalidValueError(`${place}: expected recordCount to be a whole number from 1 up, got ${String(range.recordCount)}`);
  }
}

/** Merges neighbours that are certain to have nothing between them; the order of the ranges stays. */
export function mergeAdjacentRanges(ranges: readonly SequenceNumberRange[]): SequenceNumberRange[] {
  const merged: SequenceNumberRange[] = [];
  for (const range of ranges) {
    const last = merged.at(-1);
    if (last && touch(last, range)) merged[merged.length - 1] = joinRanges(last, range);
    else merged.push(range);
  }
  return merged;
}

/**
 * Whether it is certain that no record lies between `a` and `b`: they cut one KPL aggregate between two neighbouring
 * user records.
 */
export function touch(a: SequenceNumberRange, b: SequenceNumberRange): boolean {
  return sameShard(a, b) && a.toSeqNumber === b.fromSeqNumber && a.toSubSeqNumber + 1 === b.fromSubSeqNumber;
}

/** One range from the start of `a` to the end of `b`, for ranges with nothing between them. */
export function joinRanges(a: SequenceNumberRange, b: SequenceNumberRange): SequenceNumberRange {
  return { ...a, toSeqNumber: b.toSeqNumber, toSubSeqNumber: b.toSubSeqNumber, recordCount: a.recordCount + b.recordCount };
}

/** Whether two ranges lie in one shard of one stream. */
export function sameShard(a: SequenceNumberRange, b: SequenceNumberRange): boolean {
  return a.shardId === b.shardId && a.streamName === b.streamName;
}

/** A position as text, the sub-sequence number shown when it is not 0. */
export function positionToString({ sequenceNumber, subSequenceNumber }: Position): string {
  return subSequenceNumber === 0 ? sequenceNumber : `${sequenceNumber}.${subSequenceNumber}`;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own message quotes its input, which may be anything: it is left out.
    throw new InvalidValueError(`sequence number ranges: expected JSON, got ${text.length} characters that are not`);
  }
}

function readRange(value: unknown, index: number): SequenceNumberRange {
  assertRange(value as SequenceNumberRange, `sequence number range ${index}`);
  const { streamName, shardId, fromSeqNumber, toSeqNumber, fromSubSeqNumber, toSubSeqNumber, recordCount } = value as SequenceNumberRange;
  return { streamName, shardId, fromSeqNumber, toSeqNumber, fromSubSeqNumber, toSubSeqNumber, recordCount };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

import type { Position } from './position.js';

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

/**
 * A range as it may be written down elsewhere: stream, shard, from and to are enough to read it.
 *
 * @remarks
 * What is left out is not verified: without `recordCount` a record that is missing between the two ends is not noticed. Without
 * `fromSubSeqNumber` and `toSubSeqNumber` the range holds all user records of the aggregates at its ends.
 */
export type RangeToRead = Pick<SequenceNumberRange, 'streamName' | 'shardId' | 'fromSeqNumber' | 'toSeqNumber'> &
  Partial<SequenceNumberRange>;

/** What `SequenceNumberRanges.toJSON()` gives: a schema version and the ranges. */
export interface SequenceNumberRangesJson<Range extends RangeToRead = SequenceNumberRange> {
  /** The schema's version. A reader refuses one that it does not know. */
  readonly version: typeof RANGES_VERSION;
  /** The ranges, in order. */
  readonly ranges: readonly Range[];
}

/** The version of {@link SequenceNumberRangesJson} that this package writes. */
export const RANGES_VERSION = 1;

/** The ranges of one block, in the order of its records: the block's identity, and all that is needed to read it again. */
export class SequenceNumberRanges<Range extends RangeToRead = SequenceNumberRange> {
  /** The ranges, in order. */
  readonly ranges: readonly Range[];

  constructor(ranges: readonly Range[]) {
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

  /** The number of records in all the ranges that have a count. */
  get recordCount(): number {
    return this.ranges.reduce((sum, { recordCount = 0 }) => sum + recordCount, 0);
  }

  /**
   * The same records in fewer ranges: neighbours that are certain to have nothing between them become one.
   *
   * @remarks Sequence numbers are not dense, so two ranges of plain records are never known to touch by their values alone.
   */
  merged(): SequenceNumberRanges<Range> {
    return new SequenceNumberRanges(mergeAdjacentRanges(this.ranges));
  }

  /** A line for people, for example `flights/shardId-000000000000[495…001..495…007 #7]`. */
  toString(): string {
    return this.ranges.map(rangeToString).join(', ');
  }

  /** The versioned form that `SequenceNumberRanges.fromJSON` reads. */
  toJSON(): SequenceNumberRangesJson<Range> {
    return { version: RANGES_VERSION, ranges: this.ranges };
  }
}

/** The place of a range's first record. */
export function startOf({ fromSeqNumber, fromSubSeqNumber = 0 }: RangeToRead): Position {
  return { sequenceNumber: fromSeqNumber, subSequenceNumber: fromSubSeqNumber };
}

/** The place of a range's last record; where its sub-sequence number is left out, a place after all of that aggregate. */
export function endOf({ toSeqNumber, toSubSeqNumber = Number.MAX_SAFE_INTEGER }: RangeToRead): Position {
  return { sequenceNumber: toSeqNumber, subSequenceNumber: toSubSeqNumber };
}

/** A line for people and error messages. */
export function rangeToString(range: RangeToRead): string {
  const { streamName, shardId, toSeqNumber, toSubSeqNumber = 0, recordCount } = range;
  const from = positionToString(startOf(range));
  const to = positionToString({ sequenceNumber: toSeqNumber, subSequenceNumber: toSubSeqNumber });
  return `${streamName}/${shardId}[${from}..${to}${recordCount === undefined ? '' : ` #${recordCount}`}]`;
}

/** A line for error messages, of which many ranges do not make a megabyte. */
export function rangesToString(ranges: readonly RangeToRead[]): string {
  const more = ranges.length > MOST_SHOWN ? ` and ${ranges.length - MOST_SHOWN} more` : '';
  return ranges.slice(0, MOST_SHOWN).map(rangeToString).join(', ') + more;
}

const MOST_SHOWN = 3;

/** Merges neighbours that are certain to have nothing between them; the order of the ranges stays. */
export function mergeAdjacentRanges<Range extends RangeToRead>(ranges: readonly Range[]): Range[] {
  const merged: Range[] = [];
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
export function touch(a: RangeToRead, b: RangeToRead): boolean {
  // Where one of the two is left out, NaN is no number's equal.
  return sameShard(a, b) && a.toSeqNumber === b.fromSeqNumber && (a.toSubSeqNumber ?? NaN) + 1 === b.fromSubSeqNumber;
}

/** One range from the start of `a` to the end of `b`, for ranges with nothing between them; without a count where one has none. */
export function joinRanges<Range extends RangeToRead>(a: Range, b: Range): Range {
  const recordCount = a.recordCount && b.recordCount && a.recordCount + b.recordCount;
  return { ...a, toSeqNumber: b.toSeqNumber, toSubSeqNumber: b.toSubSeqNumber, recordCount };
}

/** Whether two ranges lie in one shard of one stream. */
export function sameShard(a: RangeToRead, b: RangeToRead): boolean {
  return a.shardId === b.shardId && a.streamName === b.streamName;
}

/** A position as text, the sub-sequence number shown when it is not 0. */
export function positionToString({ sequenceNumber, subSequenceNumber }: Position): string {
  return subSequenceNumber === 0 ? sequenceNumber : `${sequenceNumber}.${subSequenceNumber}`;
}

import { comparePositions, type Position } from './position.js';
import { sameShard, type ShardName } from './shard-id.js';

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
 * A range with optional fields, for example one that was written down by hand: stream, shard, from and to are enough to read it.
 *
 * @remarks
 * A field that is left out is not verified: without `recordCount` nobody notices a record that is missing between the two ends. Without
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

/** The ranges of one block, in the order of its records: they identify the block, and are all that is needed to read it again. */
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

  /** A line for people, for example `flights/shardId-000000000000[495…001..495…007 #7]`. */
  toString(): string {
    return this.ranges.map(rangeToString).join(', ');
  }

  /** The versioned form that `SequenceNumberRanges.fromJSON` reads. */
  toJSON(): SequenceNumberRangesJson<Range> {
    return { version: RANGES_VERSION, ranges: this.ranges };
  }
}

/** The range of so many records of a shard, from the first to the last. */
export function rangeOf(shard: ShardName, first: Position, last: Position, recordCount: number): SequenceNumberRange {
  return {
    streamName: shard.streamName,
    shardId: shard.shardId,
    fromSeqNumber: first.sequenceNumber,
    toSeqNumber: last.sequenceNumber,
    fromSubSeqNumber: first.subSequenceNumber,
    toSubSeqNumber: last.subSequenceNumber,
    recordCount,
  };
}

/** The place of a range's first record. */
export function startOf({ fromSeqNumber, fromSubSeqNumber = 0 }: RangeToRead): Position {
  return { sequenceNumber: fromSeqNumber, subSequenceNumber: fromSubSeqNumber };
}

/** The place of a range's last record; without a sub-sequence number, a place after all user records of its aggregate. */
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

/** A line for error messages that stays short however many ranges there are. */
export function rangesToString(ranges: readonly RangeToRead[]): string {
  const more = ranges.length > MOST_SHOWN ? ` and ${ranges.length - MOST_SHOWN} more` : '';
  return ranges.slice(0, MOST_SHOWN).map(rangeToString).join(', ') + more;
}

const MOST_SHOWN = 3;

/**
 * Returns the same records in fewer ranges: two neighbours become one where it is certain that no record lies between them. Keeps the order.
 *
 * @remarks Sequence numbers are not dense, so their values alone never show that two ranges of plain records touch.
 */
export function mergeAdjacentRanges<Range extends RangeToRead>(ranges: readonly Range[]): Range[] {
  const merged: Range[] = [];
  for (const range of ranges) {
    const last = merged.at(-1);
    if (last && touch(last, range)) merged[merged.length - 1] = joinRanges(last, range);
    else merged.push(range);
  }
  return merged;
}

/** Whether two ranges of one shard have a position in common. */
export function overlap(a: RangeToRead, b: RangeToRead): boolean {
  return comparePositions(startOf(a), endOf(b)) <= 0 && comparePositions(startOf(b), endOf(a)) <= 0;
}

/**
 * Whether it is certain that no record lies between `a` and `b`: they cut one KPL aggregate between two neighbouring
 * user records.
 */
export function touch(a: RangeToRead, b: RangeToRead): boolean {
  // Without one of the two numbers the answer is false: NaN equals no number.
  return sameShard(a, b) && a.toSeqNumber === b.fromSeqNumber && (a.toSubSeqNumber ?? NaN) + 1 === b.fromSubSeqNumber;
}

/** Joins two ranges with no record between them: from the start of `a` to the end of `b`; without a count if one of them has none. */
export function joinRanges<Range extends RangeToRead>(a: Range, b: Range): Range {
  const recordCount = a.recordCount && b.recordCount && a.recordCount + b.recordCount;
  return { ...a, toSeqNumber: b.toSeqNumber, toSubSeqNumber: b.toSubSeqNumber, recordCount };
}

/** Whether the records from `start` on can be those of `range`, as many as it counts: they are of its shard, ascend, and have its ends. */
export function areOfRange(records: ReadonlyArray<Position & ShardName>, start: number, range: SequenceNumberRange): boolean {
  const end = start + range.recordCount - 1;
  for (let i = start; i <= end; i++) {
    if (!sameShard(records[i]!, range)) return false;
    if (i > start && comparePositions(records[i - 1]!, records[i]!) >= 0) return false;
  }
  return comparePositions(records[start]!, startOf(range)) === 0 && comparePositions(records[end]!, endOf(range)) === 0;
}

/** A position as text; it shows the sub-sequence number only when that is not 0. */
export function positionToString({ sequenceNumber, subSequenceNumber }: Position): string {
  return subSequenceNumber === 0 ? sequenceNumber : `${sequenceNumber}.${subSequenceNumber}`;
}

import { barePosition, comparePositions, type Position } from '../values/position.js';
import { endOf, startOf, type RangeToRead } from '../values/sequence-range.js';
import { RangeExpiredError, RangeIncompleteError } from '../kinesis/errors.js';

/** One range, and how far the scan has come with it. */
interface ScannedRange {
  readonly range: RangeToRead;
  readonly start: Position;
  readonly end: Position;
  state: 'ahead' | 'open' | 'behind';
  /** How many records of all ranges had been picked when the scan entered this one. */
  pickedBefore: number;
  /** Whether the scan went on without a missing part, so that the count cannot be right. */
  isPartial: boolean;
  /** Whether the scan has found more records than its count. */
  isRefused: boolean;
}

/**
 * Picks the records of some ranges out of all records of one shard, in order, and checks that each range is complete.
 *
 * @remarks
 * Pure. Ranges may overlap or be the same: a record is picked once, and counted for each range that it is in. The cost of a record does
 * not depend on the number of its ranges: while a range is open, every picked record belongs to it.
 */
export class RangeScan {
  readonly #byStart: readonly ScannedRange[];
  readonly #byEnd: readonly ScannedRange[];
  readonly #skipGap: (error: RangeExpiredError | RangeIncompleteError) => void;
  readonly #open = new Set<ScannedRange>();
  #entered = 0;
  #left = 0;
  #picked = 0;
  /** An estimate of the records in the ranges that are still ahead. */
  #ahead: number;
  #last: Position | undefined;

  /**
   * @param ranges - of one shard, in any order.
   * @param skipGap - called with an error for missing records; throws it unless the scan may go on without them.
   */
  constructor(ranges: readonly RangeToRead[], skipGap: (error: RangeExpiredError | RangeIncompleteError) => void) {
    const scanned = ranges.map((range): ScannedRange => ({
      range,
      start: startOf(range),
      end: endOf(range),
      state: 'ahead',
      pickedBefore: 0,
      isPartial: false,
      isRefused: false,
    }));
    this.#byStart = [...scanned].sort((a, b) => comparePositions(a.start, b.start));
    this.#byEnd = scanned.sort((a, b) => comparePositions(a.end, b.end));
    this.#ahead = ranges.reduce((sum, range) => sum + expectedOf(range), 0);
    this.#skipGap = skipGap;
  }

  /** Whether the scan has passed every range. */
  get isDone(): boolean {
    return this.#left === this.#byEnd.length;
  }

  /** Whether the next record may lie in a range. */
  get isInside(): boolean {
    return this.#open.size > 0;
  }

  /** The first range that is still ahead. */
  get next(): RangeToRead | undefined {
    return this.#byStart[this.#entered]?.range;
  }

  /** The ranges that the scan has not passed yet. */
  get pending(): RangeToRead[] {
    return this.#byStart.filter(({ state }) => state !== 'behind').map(({ range }) => range);
  }

  /** How many records are still to come, at least 1: an upper bound where the ranges have counts, else an estimate. */
  get remaining(): number {
    return Math.max(1, this.#ahead + this.#remainingOpen());
  }

  /** Like {@link remaining}, for the open ranges only, or for the first one ahead. */
  get nearest(): number {
    return Math.max(1, this.isInside || !this.next ? this.#remainingOpen() : expectedOf(this.next));
  }

  /** Whether the record at `position`, the next of the shard, is in a range. */
  picks(position: Position): boolean {
    this.#enter(position);
    this.#leaveBefore(position);
    const isPicked = this.isInside;
    if (isPicked) this.#picked++;
    this.#last = position;
    this.#leaveAt(position);
    return isPicked;
  }

  /**
   * Ends a page: no more records of the last aggregate follow.
   *
   * @remarks
   * A page never cuts an aggregate, so the ranges that end with its last record end here. A range with more records than its count is
   * refused now, and not at its end, which may be far away.
   */
  endPage(): void {
    if (this.#last) this.#leaveBefore({ ...this.#last, subSequenceNumber: Infinity });
    for (const open of this.#open) {
      const { range } = open;
      const found = this.#foundOf(open);
      if (open.isRefused || found <= (range.recordCount ?? Infinity)) continue;
      open.isRefused = true;
      this.#skipGap(new RangeIncompleteError(range, found));
    }
  }

  /** Ends the scan, since the shard has no more records: what is pending is missing. */
  end(): void {
    this.endPage();
    for (const open of this.#open) this.#leave(open, false);
    for (const { range } of this.#byStart.slice(this.#entered)) this.#skipGap(expired(range));
    for (const scanned of this.#byStart) scanned.state = 'behind';
    this.#entered = this.#left = this.#byStart.length;
    this.#ahead = 0;
  }

  #enter(position: Position): void {
    for (let scanned = this.#byStart[this.#entered]; scanned; scanned = this.#byStart[this.#entered]) {
      const { range, start } = scanned;
      const order = comparePositions(start, position);
      if (order > 0) return;
      const isStartGone = order < 0 && !isWithin(position, range.fromSeqNumber, range.fromSubSeqNumber);
      this.#entered++;
      this.#ahead -= expectedOf(range);
      this.#open.add(Object.assign(scanned, { state: 'open', pickedBefore: this.#picked, isPartial: isStartGone }));
      if (isStartGone) this.#skipGap(expired(range, position));
    }
  }

  /** Leaves the ranges that end before `position`. The scan has entered all of them, since they begin before it too. */
  #leaveBefore(position: Position): void {
    for (let scanned = this.#byEnd[this.#left]; scanned; scanned = this.#byEnd[this.#left]) {
      if (comparePositions(scanned.end, position) >= 0) return;
      this.#left++;
      const { range } = scanned;
      this.#leave(scanned, this.#last !== undefined && isWithin(this.#last, range.toSeqNumber, range.toSubSeqNumber));
    }
  }

  #leaveAt(position: Position): void {
    for (let scanned = this.#byEnd[this.#left]; scanned; scanned = this.#byEnd[this.#left]) {
      if (comparePositions(scanned.end, position) !== 0) return;
      this.#left++;
      this.#leave(scanned, true);
    }
  }

  #leave(scanned: ScannedRange, isEndSeen: boolean): void {
    const { range, isPartial, isRefused } = scanned;
    const found = this.#foundOf(scanned);
    scanned.state = 'behind';
    this.#open.delete(scanned);
    if (!isPartial && !isRefused && (!isEndSeen || found !== (range.recordCount ?? found)))
      this.#skipGap(new RangeIncompleteError(range, found));
  }

  #foundOf({ pickedBefore }: ScannedRange): number {
    return this.#picked - pickedBefore;
  }

  #remainingOpen(): number {
    let remaining = 0;
    for (const open of this.#open) {
      const found = this.#foundOf(open);
      // A range without a count may hold as many more records as were found so far.
      remaining += open.range.recordCount === undefined ? Math.max(found, EXPECTED) : Math.max(0, open.range.recordCount - found);
    }
    return remaining;
  }
}

/** How many records a range without a count is expected to hold, until more are found. */
const EXPECTED = 1_000;

/** How many records a range is expected to hold. */
export function expectedOf({ recordCount = EXPECTED }: RangeToRead): number {
  return recordCount;
}

/** Whether `position` has these numbers; without a sub-sequence number, any user record of the aggregate has. */
function isWithin(position: Position, sequenceNumber: string, subSequenceNumber = position.subSequenceNumber): boolean {
  return position.sequenceNumber === sequenceNumber && position.subSequenceNumber === subSequenceNumber;
}

function expired(range: RangeToRead, firstAvailable?: Position): RangeExpiredError {
  const { streamName, shardId } = range;
  const gap = { streamName, shardId, from: startOf(range) };
  return new RangeExpiredError(firstAvailable ? { ...gap, firstAvailable: barePosition(firstAvailable) } : gap, [range]);
}

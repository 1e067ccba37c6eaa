import { barePosition, comparePositions, type Position } from '../values/position.js';
import { endOf, startOf, type SequenceNumberRange } from '../values/sequence-range.js';
import { RangeExpiredError, RangeIncompleteError } from '../kinesis/errors.js';

/** A range that the scan is inside of. */
interface OpenRange {
  readonly range: SequenceNumberRange;
  found: number;
  /** Whether a part that is missing has been passed over, so that the count cannot be right. */
  partial: boolean;
}

/**
 * Picks the records of some ranges of one shard out of its records in order, and checks that each range is all there.
 *
 * @remarks Pure. Ranges may overlap or be the same: a record is picked once, and counted for each range that it is in.
 */
export class RangeScan {
  readonly #ranges: readonly SequenceNumberRange[];
  readonly #skipGap: (error: RangeExpiredError | RangeIncompleteError) => void;
  #next = 0;
  #open: OpenRange[] = [];

  /**
   * @param ranges - of one shard, in any order.
   * @param skipGap - told what is missing; throws unless the scan may go on without it.
   */
  constructor(ranges: readonly SequenceNumberRange[], skipGap: (error: RangeExpiredError | RangeIncompleteError) => void) {
    this.#ranges = [...ranges].sort((a, b) => comparePositions(startOf(a), startOf(b)));
    this.#skipGap = skipGap;
  }

  /** Whether every range is behind. */
  get isDone(): boolean {
    return this.#open.length === 0 && this.#next === this.#ranges.length;
  }

  /** Whether the next record may lie in a range. */
  get isInside(): boolean {
    return this.#open.length > 0;
  }

  /** The ranges that are not behind yet. */
  get pending(): SequenceNumberRange[] {
    return [...this.#open.map((open) => open.range), ...this.#ranges.slice(this.#next)];
  }

  /** An upper bound of the records still to come. */
  get remaining(): number {
    const found = this.#open.reduce((sum, open) => sum + open.found, 0);
    return Math.max(1, this.pending.reduce((sum, range) => sum + range.recordCount, 0) - found);
  }

  /** Whether the record at `position`, the next of the shard, is in a range. */
  picks(position: Position): boolean {
    this.#enter(position);
    let picked = false;
    for (const open of this.#open) {
      const order = comparePositions(position, endOf(open.range));
      if (order <= 0) {
        open.found++;
        picked = true;
      }
      if (order >= 0) this.#leave(open, order === 0);
    }
    this.#open = this.#open.filter((open) => comparePositions(position, endOf(open.range)) < 0);
    return picked;
  }

  /** There are no more records: what is pending is missing. */
  end(): void {
    for (const { range, found, partial } of this.#open) if (!partial) this.#skipGap(new RangeIncompleteError(range, found));
    for (const range of this.#ranges.slice(this.#next)) this.#skipGap(expired(range));
    this.#open = [];
    this.#next = this.#ranges.length;
  }

  #enter(position: Position): void {
    for (let range = this.#ranges[this.#next]; range; range = this.#ranges[this.#next]) {
      const order = comparePositions(startOf(range), position);
      if (order > 0) return;
      if (order < 0) this.#skipGap(expired(range, position));
      this.#open.push({ range, found: 0, partial: order < 0 });
      this.#next++;
    }
  }

  #leave({ range, found, partial }: OpenRange, endSeen: boolean): void {
    if (!partial && (!endSeen || found !== range.recordCount)) this.#skipGap(new RangeIncompleteError(range, found));
  }
}

function expired(range: SequenceNumberRange, firstAvailable?: Position): RangeExpiredError {
  const { streamName, shardId } = range;
  const gap = { streamName, shardId, from: startOf(range) };
  return new RangeExpiredError(firstAvailable ? { ...gap, firstAvailable: barePosition(firstAvailable) } : gap, [range]);
}

import { InvalidValueError } from '../values/errors.js';
import { barePosition, comparePositions, type Position } from '../values/position.js';
import { endOf, rangeToString, startOf, type SequenceNumberRange } from '../values/sequence-range.js';

/** Ranges beyond a checkpoint that an earlier process settled out of order: their records are not delivered again. */
export class SettledRanges {
  readonly #ranges: readonly SequenceNumberRange[];
  /** The last counted record, the range that holds it, and how many records of that range were counted. */
  #counted: { readonly position: Position; readonly index: number; readonly records: number } | undefined;

  /** @param ranges - in order, and without overlap. */
  constructor(ranges: readonly SequenceNumberRange[] = []) {
    this.#ranges = ranges;
  }

  /** Whether one of the ranges may hold a record at or after `position`. */
  reach(position: Position): boolean {
    const last = this.#ranges.at(-1);
    return last !== undefined && comparePositions(position, endOf(last)) <= 0;
  }

  /** Whether one of the ranges holds the record at `position`. */
  include(position: Position): boolean {
    return this.#indexOf(position) >= 0;
  }

  /**
   * Counts the records that are read, in order; records that a restart reads again count once. It throws for a range that holds more
   * records than its count: that range is not what was settled, so none of its further records may be dropped.
   *
   * @throws InvalidValueError
   */
  count(positions: readonly Position[]): void {
    for (const position of positions) {
      const index = this.#indexOf(position);
      if (index < 0 || (this.#counted && comparePositions(position, this.#counted.position) <= 0)) continue;
      const records = this.#counted?.index === index ? this.#counted.records + 1 : 1;
      const range = this.#ranges[index]!;
      if (records > range.recordCount) throw new InvalidValueError(`${rangeToString(range)}: stored as settled, but it holds more records`);
      this.#counted = { position: barePosition(position), index, records };
    }
  }

  /** The ranges that are still beyond `watermark`, together with `others`, in order. */
  beyond(watermark: Position, others: readonly SequenceNumberRange[]): readonly SequenceNumberRange[] {
    const still = this.#ranges.filter((range) => comparePositions(startOf(range), watermark) > 0);
    if (still.length === 0) return others;
    return [...still, ...others].sort((a, b) => comparePositions(startOf(a), startOf(b)));
  }

  /** The index of the range that holds the record, below 0 if none does. */
  #indexOf(position: Position): number {
    let [low, high] = [0, this.#ranges.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (comparePositions(startOf(this.#ranges[middle]!), position) <= 0) low = middle + 1;
      else high = middle;
    }
    const before = this.#ranges[low - 1];
    return before && comparePositions(position, endOf(before)) <= 0 ? low - 1 : -1;
  }
}

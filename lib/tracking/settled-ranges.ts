import { comparePositions, type Position } from '../values/position.js';
import { endOf, startOf, type SequenceNumberRange } from '../values/sequence-range.js';

/** Ranges beyond a checkpoint that an earlier process settled out of order: their records are not delivered again. */
export class SettledRanges {
  readonly #ranges: readonly SequenceNumberRange[];

  /** @param ranges - in order. */
  constructor(ranges: readonly SequenceNumberRange[] = []) {
    this.#ranges = ranges;
  }

  /** Whether one of them may hold a record at or after `position`. */
  reach(position: Position): boolean {
    const last = this.#ranges.at(-1);
    return last !== undefined && comparePositions(position, endOf(last)) <= 0;
  }

  /** Whether one of them holds the record at `position`. */
  include(position: Position): boolean {
    return this.#ranges.some((range) => comparePositions(startOf(range), position) <= 0 && comparePositions(position, endOf(range)) <= 0);
  }

  /** Those that are still beyond `watermark`, and `others` with them, in order. */
  beyond(watermark: Position, others: readonly SequenceNumberRange[]): readonly SequenceNumberRange[] {
    const still = this.#ranges.filter((range) => comparePositions(startOf(range), watermark) > 0);
    if (still.length === 0) return others;
    return [...still, ...others].sort((a, b) => comparePositions(startOf(a), startOf(b)));
  }
}

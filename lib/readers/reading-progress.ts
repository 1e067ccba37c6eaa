import { barePosition, comparePositions, type Position } from '../values/position.js';
import type { ShardPage } from './reader.js';

/** Decides whether a page brings reading nearer to the newest record: it has a later record than the pages before, or less lag. */
export class ReadingProgress {
  #last: Position | undefined;
  /** The least lag of the empty pages since the last record, or since reading started over. */
  #behindMs = Infinity;
  /** The least lag of all empty pages since the last record. */
  #leastBehindMs = Infinity;
  #hasStartedOver = false;

  /** The least lag of the empty pages since the last record. */
  get behindMs(): number {
    return this.#leastBehindMs;
  }

  /** Takes the next page; returns whether it is nearer. */
  isNearer({ records, millisBehindLatest = Infinity }: Pick<ShardPage, 'records' | 'millisBehindLatest'>): boolean {
    const last = records.at(-1);
    if (last) {
      const isNearer = !this.#last || comparePositions(last, this.#last) > 0;
      this.#last = barePosition(last);
      this.jumped();
      return isNearer;
    }
    const isNearer = millisBehindLatest < this.#behindMs;
    if (isNearer) this.#behindMs = millisBehindLatest;
    if (millisBehindLatest < this.#leastBehindMs) {
      this.#leastBehindMs = millisBehindLatest;
      this.#hasStartedOver = false;
    }
    return isNearer;
  }

  /** Notes that reading continues elsewhere, where an earlier read reached this lag. */
  jumped(behindMs = Infinity): void {
    this.#behindMs = this.#leastBehindMs = behindMs;
    this.#hasStartedOver = false;
  }

  /** Notes that the empty pages since the last record are read again: they count as progress once, until reading is nearer than before. */
  startedOver(): void {
    if (this.#hasStartedOver) return;
    this.#hasStartedOver = true;
    this.#behindMs = Infinity;
  }
}

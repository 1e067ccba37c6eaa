import { barePosition, comparePositions, type Position } from '../values/position.js';
import type { ShardPage } from './reader.js';

/** Tells whether a page brings reading nearer to the newest record: with a later record than the page before, or with less lag. */
export class ReadingProgress {
  #last: Position | undefined;
  /** The least lag of the empty pages since the last record, or since they are read again. */
  #behindMs = Infinity;
  /** The least of all since the last record. */
  #leastBehindMs = Infinity;
  #hasStartedOver = false;

  /** The least lag of the empty pages since the last record. */
  get behindMs(): number {
    return this.#leastBehindMs;
  }

  /** Takes the next page. */
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

  /** Reading continues elsewhere, where an earlier reading came to this lag. */
  jumped(behindMs = Infinity): void {
    this.#behindMs = this.#leastBehindMs = behindMs;
    this.#hasStartedOver = false;
  }

  /** The empty pages since the last record are read again: that counts as progress once, until it comes nearer than before. */
  startedOver(): void {
    if (this.#hasStartedOver) return;
    this.#hasStartedOver = true;
    this.#behindMs = Infinity;
  }
}

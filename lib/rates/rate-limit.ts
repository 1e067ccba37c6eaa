/**
 * How much of a shard may be read by a rate: each record read is a debt that is paid off with the time.
 *
 * @remarks Pure: whoever asks gives the time, which never goes back.
 */
export class RateLimit {
  #rate: number;
  /** The records that were read ahead of the rate, at `#atMs`. */
  #debt = 0;
  #atMs: number;

  /** @param rate - records a second; `Infinity` for no limit. */
  constructor(rate: number, nowMs: number) {
    this.#rate = rate;
    this.#atMs = nowMs;
  }

  /** The rate that holds, in records a second. */
  get rate(): number {
    return this.#rate;
  }

  /** The most records of a read: those of a second, at least one. */
  get records(): number {
    return Math.max(1, Math.floor(this.#rate));
  }

  /** Sets the rate. A debt that is left is paid off at the new one. */
  set(rate: number, nowMs: number): void {
    this.#payOff(nowMs);
    this.#rate = rate;
  }

  /** Notes that records were read. */
  spend(records: number, nowMs: number): void {
    this.#payOff(nowMs);
    if (this.#rate !== Infinity) this.#debt += records;
  }

  /** How long the next read must wait, in ms. */
  waitMs(nowMs: number): number {
    this.#payOff(nowMs);
    return Math.ceil((this.#debt / this.#rate) * 1_000);
  }

  #payOff(nowMs: number): void {
    const paid = this.#rate === Infinity ? this.#debt : ((nowMs - this.#atMs) / 1_000) * this.#rate;
    this.#debt = Math.max(0, this.#debt - paid);
    this.#atMs = nowMs;
  }
}

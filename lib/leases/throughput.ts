/** KCL's weight of the newest rate. */
const ALPHA = 0.5;
const BYTES_PER_KB = 1_024;

/** How much of a shard is read, measured as KCL 3 does: the mean of the rate since the last measurement and the result of that one. */
export class Throughput {
  #bytes = 0;
  #sinceMs: number;
  /** Whether anything was read yet. Until then the throughput is unknown, which is not 0. */
  #isKnown = false;
  #kBps: number | undefined;

  /** @param nowMs - when the reading begins. */
  constructor(nowMs: number) {
    this.#sinceMs = nowMs;
  }

  note(bytes: number): void {
    this.#bytes += bytes;
    this.#isKnown ||= bytes > 0;
  }

  /** Measures, in KiB a second; `undefined` if less than `leastMs` has passed since the last measurement, or if nothing was read yet. */
  measure(nowMs: number, leastMs: number): number | undefined {
    const elapsedMs = nowMs - this.#sinceMs;
    if (!this.#isKnown || elapsedMs < leastMs || elapsedMs <= 0) return undefined;
    const rate = this.#bytes / BYTES_PER_KB / (elapsedMs / 1_000);
    this.#kBps = this.#kBps === undefined ? rate : ALPHA * rate + (1 - ALPHA) * this.#kBps;
    this.#bytes = 0;
    this.#sinceMs = nowMs;
    return this.#kBps;
  }
}

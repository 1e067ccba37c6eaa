/** KCL's weight of what was reckoned last. */
const ALPHA = 0.5;
const BYTES_PER_KB = 1_024;

/** How much of a shard is read, as KCL 3 reckons it: of the rate since the last reckoning and what came out then, the mean. */
export class Throughput {
  #bytes = 0;
  #sinceMs: number;
  /** Whether anything was ever read. Until then nothing is known, which is not the same as 0. */
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

  /** Reckons anew, in KiB a second; `undefined` when there is nothing new to say, since too little time has passed or nothing is known. */
  reckon(nowMs: number, leastMs: number): number | undefined {
    const elapsedMs = nowMs - this.#sinceMs;
    if (!this.#isKnown || elapsedMs < leastMs || elapsedMs <= 0) return undefined;
    const rate = this.#bytes / BYTES_PER_KB / (elapsedMs / 1_000);
    this.#kBps = this.#kBps === undefined ? rate : ALPHA * rate + (1 - ALPHA) * this.#kBps;
    this.#bytes = 0;
    this.#sinceMs = nowMs;
    return this.#kBps;
  }
}

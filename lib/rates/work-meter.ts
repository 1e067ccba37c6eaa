import type { SettledBatch } from './rate-estimator.js';

/**
 * Measures the work on the blocks of one shard by the times at which blocks are opened and settled.
 *
 * @remarks
 * The work on a block begins when it is opened, or when the block before it is settled. Which block is settled does not matter: with several in work
 * at once, the times are those of the one opened first, and their sum is the same. Then part of the work counts as waiting. Pure.
 */
export class WorkMeter {
  readonly #intervalMs: number;
  /** When the blocks that are not settled were opened, oldest first. */
  #openedMs: number[] = [];
  #settledMs = -Infinity;
  /** When the last batch ended. */
  #batchMs: number;
  #records = 0;
  #processingMs = 0;

  constructor(intervalMs: number, nowMs: number) {
    this.#intervalMs = intervalMs;
    this.#batchMs = nowMs;
  }

  /** Notes that a block was opened. */
  open(nowMs: number): void {
    this.#openedMs.push(nowMs);
  }

  /** Notes that a block was settled; returns what was settled since the last batch, once that is an interval ago. */
  settle(records: number, nowMs: number): SettledBatch | undefined {
    const openedMs = this.#openedMs.shift() ?? nowMs;
    const beganMs = Math.min(Math.max(openedMs, this.#settledMs), nowMs);
    this.#settledMs = nowMs;
    this.#records += records;
    this.#processingMs += nowMs - beganMs;
    // Blocks that took no time count with the next one that does: else their records would be missing in the rate.
    if (nowMs - this.#batchMs < this.#intervalMs || this.#processingMs === 0) return undefined;
    const batch = { atMs: nowMs, records: this.#records, processingMs: this.#processingMs, schedulingMs: beganMs - openedMs };
    this.#batchMs = nowMs;
    this.#records = this.#processingMs = 0;
    return batch;
  }

  /** Forgets the open blocks: the subscription whose blocks they were has ended. */
  restart(): void {
    this.#openedMs = [];
  }
}

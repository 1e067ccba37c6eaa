import type { SchedulerLike } from 'rxjs';

/**
 * A clock that only goes forward, made of the differences of a scheduler's clock, which usually is the wall clock.
 *
 * @remarks
 * It must be read at least once in `maxStepMs`. When the scheduler's clock was set back, this one stands still at that reading; when it was
 * set forward, this one advances by at most `maxStepMs`: neither makes another worker's lease look expired. After a pause of the process it
 * is slow, so that a worker that has seen nothing for a while looks again before it takes leases that seem abandoned.
 */
export class SteadyClock {
  readonly #scheduler: SchedulerLike;
  readonly #maxStepMs: number;
  #lastMs: number;
  #nowMs = 0;

  constructor(scheduler: SchedulerLike, maxStepMs: number) {
    this.#scheduler = scheduler;
    this.#maxStepMs = maxStepMs;
    this.#lastMs = scheduler.now();
  }

  /** The time since the clock was made, in ms. */
  nowMs(): number {
    const readMs = this.#scheduler.now();
    this.#nowMs += Math.min(Math.max(readMs - this.#lastMs, 0), this.#maxStepMs);
    this.#lastMs = readMs;
    return this.#nowMs;
  }
}

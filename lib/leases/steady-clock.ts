import type { SchedulerLike } from 'rxjs';

/**
 * A clock that only goes forward, made of the differences of a scheduler's clock, which on a host is the wall clock.
 *
 * @remarks
 * It is read at least once in `maxStepMs`. A clock set back stands still until it is read again, one set forward advances by one step:
 * neither makes another worker's lease look expired. After a pause of the process it is behind, so that a worker which has seen
 * nothing for a while looks again before it takes what looks abandoned.
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

  /** Ms since the clock was made. */
  nowMs(): number {
    const readMs = this.#scheduler.now();
    this.#nowMs += Math.min(Math.max(readMs - this.#lastMs, 0), this.#maxStepMs);
    this.#lastMs = readMs;
    return this.#nowMs;
  }
}

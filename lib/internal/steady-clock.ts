import type { SchedulerLike } from 'rxjs';

/**
 * A clock that never goes back, made of the readings of a scheduler whose clock may be set.
 *
 * @remarks
 * A clock set forward carries it along, by at most `maxStepMs` from one look to the next: whoever knows how often it looks is not misled by
 * a clock that jumps ahead, nor by a pause of the process.
 */
export class SteadyClock {
  readonly #maxStepMs: number;
  #nowMs = 0;
  /** The last reading of the scheduler's clock. */
  #seenMs: number | undefined;

  constructor(maxStepMs = Infinity) {
    this.#maxStepMs = maxStepMs;
  }

  /** The time since the first reading, in ms. */
  now(scheduler: SchedulerLike): number {
    const seenMs = scheduler.now();
    this.#nowMs += Math.min(Math.max(0, seenMs - (this.#seenMs ?? seenMs)), this.#maxStepMs);
    this.#seenMs = seenMs;
    return this.#nowMs;
  }

  /** Advances to `ms` at least, whatever the scheduler's clock says: a timer that was set for this time has fired. */
  advanceTo(ms: number, scheduler: SchedulerLike): void {
    this.#nowMs = Math.max(this.now(scheduler), ms);
  }
}

import type { SchedulerLike } from 'rxjs';

/**
 * A clock that never goes back, made of the readings of a scheduler whose clock may be set.
 *
 * @remarks
 * When the scheduler's clock was set back since the last reading, this one stands still at that reading and advances again from the
 * next. When it was set forward, this one advances by at most `maxStepMs`: so a clock that jumps ahead, or a pause of the process, does not
 * mislead a user that reads it more often than that.
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

import type { SchedulerLike } from 'rxjs';

/**
 * The time by a scheduler whose clock may be set: this one never goes back, and stands while that one is behind where it was.
 *
 * @remarks
 * A clock set forward carries it along, by at most `maxStepMs` from one look to the next: whoever knows how often it looks is not misled by
 * a clock that jumps ahead, nor by a pause of the process.
 */
export class SteadyClock {
  readonly #maxStepMs: number;
  #nowMs = 0;
  /** What the scheduler said when it was last looked at. */
  #seenMs: number | undefined;

  constructor(maxStepMs = Infinity) {
    this.#maxStepMs = maxStepMs;
  }

  /** The time, in ms from the first look. */
  now(scheduler: SchedulerLike): number {
    const seenMs = scheduler.now();
    this.#nowMs += Math.min(Math.max(0, seenMs - (this.#seenMs ?? seenMs)), this.#maxStepMs);
    this.#seenMs = seenMs;
    return this.#nowMs;
  }

  /** Says that at least this time has come, whatever the scheduler's clock says: a timer that was set for it has fired. */
  advanceTo(ms: number, scheduler: SchedulerLike): void {
    this.#nowMs = Math.max(this.now(scheduler), ms);
  }
}

import { defer, of, type Observable, type SchedulerLike } from 'rxjs';
import { delayOf } from './delay.js';
import { SteadyClock } from './steady-clock.js';

/** Spreads work over time: so much may begin at once, and then as much in each span. */
export class BurstPace {
  readonly #spanMs: number;
  readonly #spacingMs: number;
  readonly #clock = new SteadyClock();
  /** When what has begun, or waits, would be over if it came one after the other. */
  #spentMs = 0;

  /**
   * @param burst - how much may begin at once, or in a span.
   * @param spanMs - in ms.
   */
  constructor(burst: number, spanMs: number) {
    this.#spanMs = spanMs;
    this.#spacingMs = spanMs / burst;
  }

  /** Emits once when the next may begin: at once, or after a number of whole spans. What is unsubscribed while it waits keeps its place. */
  next(scheduler: SchedulerLike): Observable<unknown> {
    return defer(() => {
      const nowMs = this.#clock.now(scheduler);
      this.#spentMs = Math.max(this.#spentMs, nowMs) + this.#spacingMs;
      const spans = Math.ceil((this.#spentMs - nowMs) / this.#spanMs) - 1;
      return spans <= 0 ? NOW : delayOf(spans * this.#spanMs, scheduler);
    });
  }
}

const NOW = of(0);

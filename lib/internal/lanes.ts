import { Observable, type SchedulerLike, type Subscription } from 'rxjs';
import { subscribeWithin } from './subscribe-within.js';

/** How long work may keep other work waiting. */
export interface Patience {
  /** In ms. */
  readonly patienceMs: number;
  readonly scheduler: SchedulerLike;
}

/**
 * Runs so much work at once, in the order of the subscriptions.
 *
 * @remarks
 * Work that is unsubscribed makes room for what comes later, but lets nothing begin that waits: that may be about to be unsubscribed too. It begins
 * when other work ends. One loop starts what waits, so any amount of it may be synchronous.
 */
export class Lanes {
  readonly #lanes: number;
  readonly #patience: Patience | undefined;
  /** One function for each work that waits, in order; calling it begins the work. */
  readonly #waiting = new Set<() => void>();
  /** What runs and counts. */
  #running = new Set<object>();
  #isFilling = false;
  /** Runs while something waits. */
  #timer: Subscription | undefined;

  /**
   * @param lanes - how much work runs at once.
   * @param patience - after that time, what runs ceases to count, and what waits begins. @defaultValue waits for ever
   */
  constructor(lanes: number, patience?: Patience) {
    this.#lanes = lanes;
    this.#patience = patience;
  }

  /** A cold Observable that subscribes to `work` once there is a lane for it, and for all that was subscribed before. */
  run<T>(work: Observable<T>): Observable<T> {
    return new Observable<T>((subscriber) => {
      const begin = (): void => {
        const running = this.#running.add(subscriber);
        subscriber.add(() => running.delete(subscriber));
        subscribeWithin(subscriber, work, {
          next: (value) => {
            subscriber.next(value);
            // It was all that was wanted.
            if (subscriber.closed) this.#fill();
          },
          error: (error) => {
            subscriber.error(error);
            this.#fill();
          },
          complete: () => {
            subscriber.complete();
            this.#fill();
          },
        });
      };
      this.#waiting.add(begin);
      subscriber.add(() => this.#forget(begin));
      this.#fill();
      this.#startTimer();
    });
  }

  #fill(): void {
    if (this.#isFilling) return;
    this.#isFilling = true;
    for (const begin of this.#waiting) {
      if (this.#running.size >= this.#lanes) break;
      this.#forget(begin);
      begin();
    }
    this.#isFilling = false;
  }

  #forget(begin: () => void): void {
    this.#waiting.delete(begin);
    if (this.#waiting.size === 0) this.#stopTimer();
  }

  #startTimer(): void {
    if (!this.#patience || this.#waiting.size === 0) return;
    const { patienceMs, scheduler } = this.#patience;
    this.#timer ??= scheduler.schedule(() => {
      this.#stopTimer();
      this.#running = new Set();
      this.#fill();
      this.#startTimer();
    }, patienceMs);
  }

  #stopTimer(): void {
    this.#timer?.unsubscribe();
    this.#timer = undefined;
  }
}

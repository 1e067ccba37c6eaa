import { Observable, type SchedulerLike, type Subscription } from 'rxjs';
import { subscribeWithin } from './subscribe-within.js';

/**
 * Lets so much work run at once. What waits does not wait for ever for work that does not end: each `patienceMs`, what runs ceases to count.
 *
 * @remarks
 * Work that is unsubscribed makes room for what comes later, but lets nothing begin that waits: that may be about to be unsubscribed too. It begins
 * when other work ends, or its patience does. One loop starts what waits, so any amount of it may be synchronous.
 */
export class PatientQueue {
  readonly #limit: number;
  readonly #patienceMs: number;
  /** One function for each work that waits, in order; calling it begins the work. */
  readonly #waiting = new Set<() => void>();
  /** What runs and counts. */
  #running = new Set<object>();
  #isFilling = false;
  /** Runs while something waits. */
  #patience: Subscription | undefined;

  /** @param limit - how much work runs at once. */
  constructor(limit: number, patienceMs: number) {
    this.#limit = limit;
    this.#patienceMs = patienceMs;
  }

  /** A cold Observable that subscribes to `work` once there is room for it, and for all that was subscribed before. */
  run<T>(work: Observable<T>, scheduler: SchedulerLike): Observable<T> {
    return new Observable<T>((subscriber) => {
      const begin = (): void => {
        const running = this.#running.add(subscriber);
        const leave = (): boolean => running.delete(subscriber);
        subscriber.add(leave);
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
      if (this.#waiting.size > 0) this.#patience ??= this.#beingPatient(scheduler);
    });
  }

  #fill(): void {
    if (this.#isFilling) return;
    this.#isFilling = true;
    for (const begin of this.#waiting) {
      if (this.#running.size >= this.#limit) break;
      this.#forget(begin);
      begin();
    }
    this.#isFilling = false;
  }

  #forget(begin: () => void): void {
    this.#waiting.delete(begin);
    if (this.#waiting.size > 0) return;
    this.#patience?.unsubscribe();
    this.#patience = undefined;
  }

  #beingPatient(scheduler: SchedulerLike): Subscription {
    return scheduler.schedule(() => {
      this.#patience = undefined;
      this.#running = new Set();
      this.#fill();
      if (this.#waiting.size > 0) this.#patience ??= this.#beingPatient(scheduler);
    }, this.#patienceMs);
  }
}

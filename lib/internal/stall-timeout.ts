import { NEVER, startWith, Subject, switchAll, type Observable, type SchedulerLike } from 'rxjs';
import { delayOf } from './delay.js';

/** A limit on the time without progress, that does not run while it is paused. */
export class StallTimeout {
  readonly #limitMs: number;
  readonly #scheduler: SchedulerLike;
  readonly #timers = new Subject<Observable<unknown>>();
  #leftMs: number;
  #sinceMs: number;
  #isPaused = false;

  constructor(limitMs: number, scheduler: SchedulerLike) {
    this.#limitMs = limitMs;
    this.#scheduler = scheduler;
    this.#leftMs = limitMs;
    this.#sinceMs = scheduler.now();
  }

  /** Emits when it has run out. */
  ranOut(): Observable<unknown> {
    return this.#timers.pipe(startWith(delayOf(this.#leftMs, this.#scheduler)), switchAll());
  }

  /** Begins anew. */
  renew(): void {
    this.#leftMs = this.#limitMs;
    this.#run();
  }

  /** Stops the time. */
  pause(): void {
    this.#leftMs -= this.#scheduler.now() - this.#sinceMs;
    this.#isPaused = true;
    this.#timers.next(NEVER);
  }

  /** Lets the time go on, if it was stopped. */
  resume(): void {
    if (this.#isPaused) this.#run();
  }

  #run(): void {
    this.#isPaused = false;
    this.#sinceMs = this.#scheduler.now();
    this.#timers.next(delayOf(this.#leftMs, this.#scheduler));
  }
}

import {
  ignoreElements,
  interval,
  merge,
  NEVER,
  startWith,
  Subject,
  switchAll,
  take,
  tap,
  type Observable,
  type SchedulerLike,
} from 'rxjs';
import { delayOf } from './delay.js';

/**
 * A limit on the time without progress, that does not run while it is paused.
 *
 * @remarks
 * Timers decide, not the clock: one that is set back or forward moves the end by no more than {@link TICK_MS} a pause.
 */
export class StallTimeout {
  readonly #limitMs: number;
  readonly #scheduler: SchedulerLike;
  readonly #timers = new Subject<Observable<unknown>>();
  #leftMs: number;
  #sinceMs = 0;
  /** How many ticks have passed since then. */
  #ticks = 0;
  #isPaused = false;

  constructor(limitMs: number, scheduler: SchedulerLike) {
    this.#limitMs = limitMs;
    this.#scheduler = scheduler;
    this.#leftMs = limitMs;
  }

  /** Emits when it has run out. */
  ranOut(): Observable<unknown> {
    return this.#timers.pipe(startWith(this.#timer()), switchAll());
  }

  /** Begins anew. */
  renew(): void {
    this.#leftMs = this.#limitMs;
    this.#run();
  }

  /** Stops the time. */
  pause(): void {
    this.#leftMs -= this.#elapsedMs();
    this.#isPaused = true;
    this.#timers.next(NEVER);
  }

  /** Lets the time go on, if it was stopped. */
  resume(): void {
    if (this.#isPaused) this.#run();
  }

  #run(): void {
    this.#isPaused = false;
    this.#timers.next(this.#timer());
  }

  #timer(): Observable<unknown> {
    this.#sinceMs = this.#scheduler.now();
    this.#ticks = 0;
    const ticks$ = interval(TICK_MS, this.#scheduler).pipe(
      tap(() => this.#ticks++),
      ignoreElements(),
    );
    return merge(delayOf(this.#leftMs, this.#scheduler), ticks$).pipe(take(1));
  }

  /** By the clock, as far as the ticks agree. */
  #elapsedMs(): number {
    const sureMs = this.#ticks * TICK_MS;
    return Math.min(Math.max(this.#scheduler.now() - this.#sinceMs, sureMs), sureMs + TICK_MS);
  }
}

const TICK_MS = 250;

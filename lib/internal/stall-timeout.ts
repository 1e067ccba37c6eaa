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
 * A limit on the time without progress; the time does not run while the timeout is paused.
 *
 * @remarks
 * Timers decide, not the clock: a clock that is set back or forward moves the end by at most {@link TICK_MS} for each pause.
 */
export class StallTimeout {
  readonly #limitMs: number;
  readonly #scheduler: SchedulerLike;
  readonly #timers = new Subject<Observable<unknown>>();
  #leftMs: number;
  #sinceMs = 0;
  /** How many ticks have passed since `#sinceMs`. */
  #ticks = 0;
  #isPaused = false;

  constructor(limitMs: number, scheduler: SchedulerLike) {
    this.#limitMs = limitMs;
    this.#scheduler = scheduler;
    this.#leftMs = limitMs;
  }

  /** Emits when the time has run out. */
  ranOut(): Observable<unknown> {
    return this.#timers.pipe(startWith(this.#timer()), switchAll());
  }

  /** Restarts the time from the full limit. */
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

  /** Resumes the time, if it was paused. */
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

  /** The time by the clock, within the bounds that the ticks give. */
  #elapsedMs(): number {
    const sureMs = this.#ticks * TICK_MS;
    return Math.min(Math.max(this.#scheduler.now() - this.#sinceMs, sureMs), sureMs + TICK_MS);
  }
}

const TICK_MS = 250;

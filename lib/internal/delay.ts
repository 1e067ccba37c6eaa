import { NEVER, timer, type Observable, type SchedulerLike } from 'rxjs';

/** The longest delay of a timer: hosts fire a longer one at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/** Emits once after `ms`, at most {@link MAX_TIMER_MS}; never emits for `Infinity`. */
export function delayOf(ms: number, scheduler: SchedulerLike): Observable<0> {
  return ms === Infinity ? NEVER : timer(Math.min(Math.max(ms, 0), MAX_TIMER_MS), scheduler);
}

/** A whole delay from 0 to `initialMs · 2^(attempt - 1)`, at most `maxMs`: exponential back-off with full jitter. */
export function fullJitter(attempt: number, initialMs: number, maxMs: number, random: () => number): number {
  return Math.floor(random() * backOffMs(attempt, initialMs, maxMs));
}

/** A delay from half of `initialMs · 2^(attempt - 1)`, at most of `maxMs`, up to the whole of it: exponential back-off with half jitter. */
export function halfJitter(attempt: number, initialMs: number, maxMs: number, random: () => number): number {
  return backOffMs(attempt, initialMs, maxMs) * (0.5 + random() / 2);
}

function backOffMs(attempt: number, initialMs: number, maxMs: number): number {
  return Math.min(maxMs, initialMs * 2 ** Math.min(attempt - 1, 30));
}

import { identity, throwError, timeout, type MonoTypeOperatorFunction, type SchedulerLike } from 'rxjs';
import { MAX_TIMER_MS } from './delay.js';

/**
 * Errors when a call has not emitted within `limitMs`, and unsubscribes it: a fault that may pass, known by its name `TimeoutError`.
 *
 * @param call - how the message names the call.
 * @param limitMs - above 0; `Infinity` for no limit.
 */
export function answeredWithin<T>(limitMs: number, call: string, scheduler: SchedulerLike): MonoTypeOperatorFunction<T> {
  if (limitMs > MAX_TIMER_MS) return identity;
  return timeout({ first: limitMs, scheduler, with: () => throwError(() => new TimeoutError(`${call}: no answer within ${limitMs} ms`)) });
}

class TimeoutError extends Error {
  override readonly name = 'TimeoutError';
}

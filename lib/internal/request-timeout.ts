import { identity, timeout, type MonoTypeOperatorFunction, type SchedulerLike } from 'rxjs';
import { MAX_TIMER_MS } from './delay.js';

/**
 * Unsubscribes from a call that has not emitted within `limitMs`, and errors with a `TimeoutError`, which counts as a fault that may pass.
 *
 * @param call - how the message names the call.
 * @param limitMs - above 0; `Infinity` for no limit. A longer time than {@link MAX_TIMER_MS} is as long as that.
 */
export function answeredWithin<T>(limitMs: number, call: string, scheduler: SchedulerLike): MonoTypeOperatorFunction<T> {
  if (limitMs === Infinity) return identity;
  return timeout({
    first: Math.min(limitMs, MAX_TIMER_MS),
    scheduler,
    with: () => {
      throw new TimeoutError(call, limitMs);
    },
  });
}

/** A call was not answered in time, which counts as a fault that may pass. */
export class TimeoutError extends Error {
  override readonly name = 'TimeoutError';

  constructor(call: string, limitMs: number) {
    super(`${call}: no answer within ${limitMs} ms`);
  }
}

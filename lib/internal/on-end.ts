import { tap, type MonoTypeOperatorFunction } from 'rxjs';

/** How a subscription ended: by the source, or by who subscribed. */
export type EndKind = 'complete' | 'error' | 'unsubscribe';

/**
 * Calls `ended` once for each subscription, with how it ended, before the end is passed on.
 *
 * @remarks
 * `'unsubscribe'` is also what `take(1)` and a consumer that throws make of it. What `ended` throws at a completion or an error
 * goes on as the error; it must not throw at an unsubscription, nor make anything emit then.
 */
export function onEnd<T>(ended: (kind: EndKind) => void): MonoTypeOperatorFunction<T> {
  return tap({ complete: () => ended('complete'), error: () => ended('error'), unsubscribe: () => ended('unsubscribe') });
}

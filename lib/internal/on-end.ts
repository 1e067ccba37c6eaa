import { tap, type MonoTypeOperatorFunction } from 'rxjs';

/** How a subscription ended: the source completed or errored, or the subscriber unsubscribed. */
export type EndKind = 'complete' | 'error' | 'unsubscribe';

/**
 * Calls `ended` once for each subscription, with the kind of its end, before it propagates a completion or an error.
 *
 * @remarks
 * The kind is `'unsubscribe'` also after `take(1)` downstream and after a consumer that throws. If `ended` throws at a completion or an
 * error, the result errors with that; it must not throw at an unsubscription, nor make anything emit then.
 */
export function onEnd<T>(ended: (kind: EndKind) => void): MonoTypeOperatorFunction<T> {
  return tap({ complete: () => ended('complete'), error: () => ended('error'), unsubscribe: () => ended('unsubscribe') });
}

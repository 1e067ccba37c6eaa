import { defer, filter, from, merge, share, Subject, tap, type MonoTypeOperatorFunction } from 'rxjs';
import { RaisedAlerts, type Alert } from './alert.js';

/**
 * Shares one subscription to alerts, and tells whoever comes later those that are raised at the time.
 *
 * @remarks
 * A pipeline that is restarted subscribes its `pauseWhen` anew: an alert was raised before, and would be missed. The alerts are subscribed with the first
 * subscriber, and stay so until they complete or fail, also without subscribers: subscribe it when the program begins. Keeps the alerts that are raised.
 *
 * @example
 * ```ts
 * const events = new Subject<KinesisEvent>();
 * const alert$ = events.pipe(highErrorRate({ windowMs: 60_000 }), shareAlerts());
 * alert$.subscribe((alert) => console.warn(alert));
 * ```
 */
export function shareAlerts(): MonoTypeOperatorFunction<Alert> {
  return (alert$) => {
    const raised = new RaisedAlerts();
    const shared$ = alert$.pipe(
      // Before it is passed on: who subscribes meanwhile is told of it once.
      tap({ next: (alert) => raised.take(alert), finalize: () => raised.clear() }),
      share({ connector: () => new Subject(), resetOnRefCountZero: false }),
    );
    return defer(() => {
      const before$ = from(raised.all);
      // Subscribed first, and told only of what is still raised: to be told of one alert may clear others.
      return merge(shared$, before$.pipe(filter((alert) => raised.has(alert))));
    });
  };
}

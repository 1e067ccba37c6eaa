import { filter, from, defer, map, take, type Observable, type ObservableInput } from 'rxjs';
import { isObservableInput } from '../internal/notifierOf.js';
import { InvalidConfigError } from '../values/errors.js';
import { shown } from '../values/shown.js';
import type { Alert } from './alert.js';

/**
 * Makes a notifier for the option `stop` of a source: emits the first alert that is raised, and completes.
 *
 * @remarks
 * The source then stops as it does at a SIGTERM: shards complete, what is in flight is worked off, the last checkpoints are written and the leases
 * are given up, so that another worker goes on, all within `stopTimeoutMs`. Nothing is lost. What is stuck does not end by itself: then the source errors
 * with a `StopTimeoutError`, and what it names comes again after the restart. An error of the alerts goes on; alerts that complete stop nothing.
 * A value that is no alert is an `InvalidConfigError`.
 *
 * @throws InvalidConfigError when called with what is no Observable.
 *
 * @example
 * ```ts
 * const events = new Subject<KinesisEvent>();
 * const stuck$ = events.pipe(stuckShards({ maxAllowedLagMs: 300_000 }));
 * const stop = merge(fromEvent(process, 'SIGTERM'), stopWhen(stuck$));
 * const shards$ = kinesisStream({ client, streamName: 'flights', startFrom: 'LATEST', store, events, stop });
 * ```
 */
export function stopWhen(alert$: ObservableInput<Alert>): Observable<Alert> {
  assertAlerts(alert$);
  return defer(() => from(alert$)).pipe(
    map(asAlert),
    filter(({ raised }) => raised),
    take(1),
  );
}

/** Throws unless alerts can be subscribed. @throws InvalidConfigError */
export function assertAlerts(alert$: ObservableInput<Alert>): void {
  if (typeof alert$ === 'string' || !isObservableInput(alert$))
    throw new InvalidConfigError(`alert$: expected an Observable of alerts, got ${shown(alert$)}`);
}

/** Refuses a value that is no alert, such as a boolean, which would never do anything. @throws InvalidConfigError */
export function asAlert(value: Alert): Alert {
  if (typeof (value as Partial<Alert> | null | undefined)?.raised === 'boolean') return value;
  throw new InvalidConfigError(`alert$: expected alerts, as highErrorRate and stuckShards emit them, got ${shown(value)}`);
}

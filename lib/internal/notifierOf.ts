import { defer, from, fromEvent, NEVER, of, type Observable, type ObservableInput } from 'rxjs';
import { InvalidConfigError } from '../values/errors.js';

/**
 * Makes a notifier of what RxJS takes for one, or of an `AbortSignal`; without one it never emits.
 *
 * @throws InvalidConfigError for anything else; also for a text, which RxJS would take letter by letter.
 */
export function notifierOf(name: string, notifier: ObservableInput<unknown> | AbortSignal | undefined): Observable<unknown> {
  if (notifier === undefined) return NEVER;
  if (isAbortSignal(notifier)) return abortedBy(notifier);
  if (typeof notifier === 'string' || !isObservableInput(notifier))
    throw new InvalidConfigError(`${name}: expected an Observable, a promise or an AbortSignal; of process, fromEvent(process, 'SIGTERM')`);
  return defer(() => from(notifier));
}

/** Known by its shape, so that one of another realm will do. */
export function isAbortSignal(value: unknown): value is AbortSignal {
  const { aborted, addEventListener } = (value ?? {}) as Partial<AbortSignal>;
  return typeof aborted === 'boolean' && typeof addEventListener === 'function';
}

/** Emits when the signal is aborted, at once if it is already. */
export function abortedBy(signal: AbortSignal): Observable<unknown> {
  return defer(() => (signal.aborted ? of(0) : fromEvent(signal, 'abort')));
}

/** Whether RxJS's `from` takes it. */
export function isObservableInput(value: unknown): value is ObservableInput<unknown> {
  const input = (value ?? {}) as Readonly<Record<string | symbol, unknown>>;
  const methods = ['subscribe', 'then', 'getReader', Symbol.iterator, Symbol.asyncIterator, Symbol.observable ?? '@@observable'];
  const isArrayLike = typeof input !== 'function' && typeof input.length === 'number';
  return isArrayLike || methods.some((method) => typeof input[method] === 'function');
}

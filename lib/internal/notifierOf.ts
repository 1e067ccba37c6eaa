import { defer, from, fromEvent, NEVER, of, type Observable, type ObservableInput } from 'rxjs';
import { InvalidConfigError } from '../values/errors.js';

/**
 * Makes a notifier of any ObservableInput or of an `AbortSignal`; of `undefined`, one that never emits.
 *
 * @throws InvalidConfigError for anything else, and for a string, which RxJS would emit letter by letter.
 */
export function notifierOf(name: string, notifier: ObservableInput<unknown> | AbortSignal | undefined): Observable<unknown> {
  if (notifier === undefined) return NEVER;
  if (isAbortSignal(notifier)) return abortedBy(notifier);
  if (typeof notifier === 'string' || !isObservableInput(notifier))
    throw new InvalidConfigError(`${name}: expected an Observable, a promise or an AbortSignal; of process, fromEvent(process, 'SIGTERM')`);
  return defer(() => from(notifier));
}

/** Recognises an AbortSignal by its shape, so that one of another realm is accepted too. */
export function isAbortSignal(value: unknown): value is AbortSignal {
  const { aborted, addEventListener } = (value ?? {}) as Partial<AbortSignal>;
  return typeof aborted === 'boolean' && typeof addEventListener === 'function';
}

/** Emits when the signal is aborted, or at once if it is aborted already. */
export function abortedBy(signal: AbortSignal): Observable<unknown> {
  return defer(() => (signal.aborted ? of(0) : fromEvent(signal, 'abort')));
}

/** Whether RxJS's `from` accepts the value. */
export function isObservableInput(value: unknown): value is ObservableInput<unknown> {
  const input = (value ?? {}) as Readonly<Record<string | symbol, unknown>>;
  const methods = ['subscribe', 'then', 'getReader', Symbol.iterator, Symbol.asyncIterator, Symbol.observable ?? '@@observable'];
  const isArrayLike = typeof input !== 'function' && typeof input.length === 'number';
  return isArrayLike || methods.some((method) => typeof input[method] === 'function');
}

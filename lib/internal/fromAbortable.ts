import { Observable } from 'rxjs';
import { reducedFault } from './aws-fault.js';

/**
 * Turns a call of the AWS SDK, which takes an `AbortSignal` and gives a Promise, into a cold Observable of its one result.
 *
 * @remarks
 * Each subscription makes the call once. Unsubscribing before the Promise settles aborts the signal and ignores the Promise's result,
 * so an abort never shows as an unhandled rejection. A rejection, or what `call` throws, is reduced to what is safe to log, see
 * {@link AwsFault}.
 *
 * @param call - made on subscription.
 * @param given - is aborted in place of a controller of its own; then the Observable is for one subscription.
 */
export function fromAbortable<T>(call: (signal: AbortSignal) => Promise<T>, given?: AbortController): Observable<T> {
  return new Observable<T>((subscriber) => {
    const controller = given ?? new AbortController();
    let settled = false;
    subscriber.add(() => {
      // After the call has ended, an abort would tell its listeners that it was cut off.
      if (!settled) controller.abort();
    });

    const fail = (error: unknown): void => {
      settled = true;
      subscriber.error(reducedFault(error));
    };
    try {
      call(controller.signal).then((value) => {
        settled = true;
        subscriber.next(value);
        subscriber.complete();
      }, fail);
    } catch (error) {
      fail(error);
    }
  });
}

import { catchError, defer, ReplaySubject, share, switchMap, throwError, type Observable } from 'rxjs';
import { nameOf } from '../internal/aws-errors.js';
import type { LeasePort } from '../leases/lease-port.js';

/**
 * A port that makes the table before its first request.
 *
 * @remarks
 * One look at the table serves all requests. After an error, after all waiting requests were unsubscribed, and after a request that found
 * no table, the next request looks again. The request that found no table errors, and its caller must retry it.
 *
 * @param ensure$ - makes the table unless it is there.
 */
export function madePort(port: LeasePort, ensure$: Observable<unknown>): LeasePort {
  const looked = (): Observable<unknown> =>
    ensure$.pipe(share({ connector: () => new ReplaySubject(1), resetOnError: true, resetOnComplete: false, resetOnRefCountZero: true }));
  let table$ = looked();
  const made = <T>(request: () => Observable<T>): Observable<T> =>
    defer(() => table$.pipe(switchMap(request))).pipe(
      catchError((error: unknown) => {
        if (nameOf(error) === 'ResourceNotFoundException') table$ = looked();
        return throwError(() => error);
      }),
    );
  return {
    scan: (isConsistent) => made(() => port.scan(isConsistent)),
    get: (leaseKey) => made(() => port.get(leaseKey)),
    peek: (leaseKey) => made(() => port.peek(leaseKey)),
    ring: (leaseKey) => made(() => port.ring(leaseKey)),
    create: (lease) => made(() => port.create(lease)),
    update: (leaseKey, update) => made(() => port.update(leaseKey, update)),
    remove: (leaseKey, leaseCounter) => made(() => port.remove(leaseKey, leaseCounter)),
    publishWorker: (workerId, epochSeconds) => made(() => port.publishWorker(workerId, epochSeconds)),
    withdrawWorker: (workerId) => made(() => port.withdrawWorker(workerId)),
  };
}

import { catchError, defer, ReplaySubject, share, switchMap, throwError, type Observable } from 'rxjs';
import { nameOf } from '../internal/aws-errors.js';
import type { LeasePort } from '../leases/lease-port.js';

/**
 * The port of a table that is made before its first request.
 *
 * @remarks
 * One look at the table serves all requests; after an error, when nobody waits any more, and when a request finds no table, the next one
 * looks again. The request that found none fails, and is made again by whoever made it.
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
    scan: () => made(() => port.scan()),
    get: (leaseKey) => made(() => port.get(leaseKey)),
    create: (lease) => made(() => port.create(lease)),
    update: (leaseKey, update) => made(() => port.update(leaseKey, update)),
    remove: (leaseKey, leaseCounter) => made(() => port.remove(leaseKey, leaseCounter)),
    publishWorker: (workerId, epochSeconds) => made(() => port.publishWorker(workerId, epochSeconds)),
    withdrawWorker: (workerId) => made(() => port.withdrawWorker(workerId)),
  };
}

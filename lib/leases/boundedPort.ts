import type { MonoTypeOperatorFunction } from 'rxjs';
import { answeredWithin } from '../internal/request-timeout.js';
import type { ResolvedLeaseConfig } from './lease-config.js';
import type { LeasePort } from './lease-port.js';

/** Limits the time of each request of a port: a request that is never answered must not delay the renewals that wait for it. */
export function boundedPort(
  port: LeasePort,
  { requestTimeoutMs, failoverTimeMs, scheduler }: Pick<ResolvedLeaseConfig, 'requestTimeoutMs' | 'failoverTimeMs' | 'scheduler'>,
): LeasePort {
  const within = <T>(ms: number): MonoTypeOperatorFunction<T> => answeredWithin(ms, 'the lease table', scheduler);
  return {
    // More time, since a scan reads many pages.
    scan: (isConsistent) => port.scan(isConsistent).pipe(within(failoverTimeMs)),
    get: (leaseKey) => port.get(leaseKey).pipe(within(requestTimeoutMs)),
    peek: (leaseKey) => port.peek(leaseKey).pipe(within(requestTimeoutMs)),
    ring: (leaseKey) => port.ring(leaseKey).pipe(within(requestTimeoutMs)),
    create: (lease) => port.create(lease).pipe(within(requestTimeoutMs)),
    update: (leaseKey, update) => port.update(leaseKey, update).pipe(within(requestTimeoutMs)),
    remove: (leaseKey, leaseCounter) => port.remove(leaseKey, leaseCounter).pipe(within(requestTimeoutMs)),
    publishWorker: (workerId, epochSeconds) => port.publishWorker(workerId, epochSeconds).pipe(within(requestTimeoutMs)),
    withdrawWorker: (workerId) => port.withdrawWorker(workerId).pipe(within(requestTimeoutMs)),
  };
}

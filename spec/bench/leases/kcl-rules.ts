import { defer, map, NEVER, of, switchMap, tap, timer, type Observable, type SchedulerLike } from 'rxjs';
import type { LeasePort, TableView } from '../../../lib/leases/lease-port.js';
import type { LeaseUpdate } from '../../../lib/leases/lease-updates.js';

/** A worker of KCL does not say that it can be asked for a lease. */
export function asKcl(port: LeasePort): LeasePort {
  const update = (key: string, { set, ...change }: LeaseUpdate) => {
    const { leaseOwner, leaseCounter, checkpoint } = set;
    const shown = {
      ...(leaseOwner !== undefined && { leaseOwner }),
      ...(leaseCounter !== undefined && { leaseCounter }),
      ...(checkpoint && { checkpoint }),
    };
    return port.update(key, { ...change, set: shown });
  };
  /** If another worker was first, one of KCL goes on with the next lease: here a step does that after an error, and not after a refusal. */
  const take = (key: string, change: LeaseUpdate) =>
    update(key, change).pipe(map((done) => (done || change.set.leaseOwner === undefined ? done : refuse())));
  // Nor does it listen for the bell or ring it.
  return { ...port, update: take, peek: () => NEVER, ring: () => of(true) };
}

function refuse(): never {
  throw new Error('another worker was first');
}

/** Whatever calls for a look, a worker of KCL looks once in so long a time, from when it has first seen leases. */
export function atKclPace(port: LeasePort, lookMs: number, scheduler: SchedulerLike): LeasePort {
  let nextMs = 0;
  const look = (isConsistent: boolean): Observable<TableView> => {
    const nowMs = scheduler.now();
    const waitMs = Math.max(0, nextMs - nowMs);
    const view$ = waitMs > 0 ? timer(waitMs, scheduler).pipe(switchMap(() => port.scan(isConsistent))) : port.scan(isConsistent);
    return view$.pipe(tap(({ leases }) => (leases.length > 0 ? (nextMs = nowMs + waitMs + lookMs) : undefined)));
  };
  return { ...port, scan: (isConsistent) => defer(() => look(isConsistent)) };
}

import type { FleetFacts } from './fleet.js';
import type { LeaseRow } from './lease.js';
import type { ObservedLease } from './lease-observer.js';

/**
 * Who looks at the table often, to see which workers are gone: `each` worker by itself; `self`: this one, for all; `other`: another one, and
 * this worker hears of it by the bell.
 */
export type Watcher = 'each' | 'other' | 'self';

/** Up to so many workers all watch: then no other worker's end delays anything. */
const WATCH_ALL = 3;
/** Up to so many workers two watch, by the others' pulses: then not even the end of one of them together with another worker's does. */
export const PULSES_WORKERS = 25;
/** How long the bell's row may stand still before its holder counts as gone, in failover times: a renewal comes each third of one. */
const SILENCE_FAILOVERS = 1 / 2;

/** Whether the holder of the bell's row watches: it is another worker of this package, and is alive. */
export function isWatchedBy({ row, idleMs }: Pick<ObservedLease, 'row' | 'idleMs'>, failoverTimeMs: number): boolean {
  const { leaseOwner, checkpointOwner, gracefulOwner } = row;
  const isHeld = leaseOwner !== undefined && leaseOwner === gracefulOwner && checkpointOwner === undefined;
  return isHeld && idleMs <= SILENCE_FAILOVERS * failoverTimeMs;
}

/**
 * Decides who watches.
 *
 * @remarks
 * The bell's holder does, where all workers are of this package: others do not ring. In a small fleet so does the holder of the first row
 * that the bell's holder has not. A worker that waits for a lease that it asked for looks by itself.
 *
 * @param idleMs - how long this worker has seen a row unchanged.
 */
export function watcherOf(
  { bell, second, workers, hasForeign, isAsking }: FleetFacts,
  idleMs: (row: LeaseRow) => number,
  { workerId, failoverTimeMs }: { readonly workerId: string; readonly failoverTimeMs: number },
): Watcher {
  if (!bell || hasForeign || isAsking) return 'each';
  if (bell.leaseOwner === workerId || workers <= WATCH_ALL) return 'self';
  if (workers <= PULSES_WORKERS && second?.leaseOwner === workerId) return 'self';
  return isWatchedBy({ row: bell, idleMs: idleMs(bell) }, failoverTimeMs) ? 'other' : 'each';
}

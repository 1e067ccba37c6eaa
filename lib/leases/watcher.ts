import { isEnded, isForeign, type LeaseRow } from './lease.js';
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

/** The row that is the bell: of those that are not ended, the one with the lowest key, the same for every worker. */
export function bellRow(rows: readonly LeaseRow[]): LeaseRow | undefined {
  let first: LeaseRow | undefined;
  for (const row of rows) if (!isEnded(row) && (!first || row.leaseKey < first.leaseKey)) first = row;
  return first;
}

/** Whether the holder of the bell's row watches: it is another worker of this package, and is alive. */
export function isWatchedBy({ row, idleMs }: ObservedLease, failoverTimeMs: number): boolean {
  const { leaseOwner, checkpointOwner, gracefulOwner } = row;
  const isHeld = leaseOwner !== undefined && leaseOwner === gracefulOwner && checkpointOwner === undefined;
  return isHeld && idleMs <= SILENCE_FAILOVERS * failoverTimeMs;
}

/** How many workers there are, this one included. */
export function countWorkers(rows: readonly LeaseRow[], workerId: string): number {
  return new Set([workerId, ...rows.flatMap(({ leaseOwner }) => leaseOwner ?? [])]).size;
}

/**
 * Decides who watches.
 *
 * @remarks
 * The bell's holder does, where all workers are of this package: others do not ring. In a small fleet so does the holder of the first row
 * that the bell's holder has not. A worker that waits for a lease that it asked for looks by itself.
 *
 * @param leases - all leases, as this worker has seen them.
 */
export function watcherOf(
  leases: readonly ObservedLease[],
  { workerId, failoverTimeMs }: { readonly workerId: string; readonly failoverTimeMs: number },
): Watcher {
  const open = leases.filter(({ row }) => !isEnded(row));
  const rows = open.map(({ row }) => row);
  const bell = bellRow(rows);
  if (!bell || rows.some(isForeign) || rows.some((row) => isAskedBy(row, workerId))) return 'each';
  const workers = countWorkers(rows, workerId);
  if (bell.leaseOwner === workerId || workers <= WATCH_ALL) return 'self';
  const second = workers > PULSES_WORKERS ? undefined : bellRow(rows.filter(({ leaseOwner }) => leaseOwner !== bell.leaseOwner));
  if (second?.leaseOwner === workerId) return 'self';
  return isWatchedBy(
    open.find(({ row }) => row === bell)!,
    failoverTimeMs,
  )
    ? 'other'
    : 'each';
}

function isAskedBy({ leaseOwner, checkpointOwner }: LeaseRow, workerId: string): boolean {
  return leaseOwner === workerId && checkpointOwner !== undefined;
}

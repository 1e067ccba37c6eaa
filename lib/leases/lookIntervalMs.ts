import type { FleetFacts } from './fleet.js';
import type { ResolvedLeaseConfig } from './lease-config.js';
import { isEnded, type LeaseRow } from './lease.js';
import type { ObservedLease } from './lease-observer.js';
import { PULSES_WORKERS, type Watcher } from './watcher.js';

/** The interval, in failover times for each worker, at which the looks of a fleet in which each watches cost a fifth of its renewals. */
const FAILOVERS_PER_WORKER = 1 / 60;
const MIN_FAILOVERS = 1 / 20;
/** KCL's interval. */
const MAX_FAILOVERS = 2;
/** How often the one that watches looks: a worker that is gone is noticed later by that. */
const WATCH_FAILOVERS = 1 / 7;
/** How often one that relies on the bell looks all the same. */
const WATCHED_FAILOVERS = 8;
/** How often one looks that reads the pulses of all others: a little less often than workers of KCL. */
const PULSES_FAILOVERS = 2.5;
/** The wait for each row, in ms: it bounds the work of large tables. */
const MS_PER_ROW = 0.5;
/** How often to listen for the bell, in failover times; and the ms for each worker, which bound the reads of the bell's row to 1000 a second. */
const LISTEN_FAILOVERS = 1 / 20;
const LISTEN_MS_PER_WORKER = 1;
/** The looks that follow a ring are spread over this time for each worker and row, in ms. */
const SPREAD_MS = 0.02;

/** What decides how often a worker looks. */
export interface SeenFleet {
  readonly watcher: Watcher;
  /** How many workers there are. */
  readonly workers: number;
  /** Whether this worker waits for a lease that it asked for, or has to repeat a request that failed. */
  readonly isWaiting: boolean;
  /** Returns all leases; not called if nothing depends on them. */
  readonly seenLeases: () => readonly ObservedLease[];
}

type Config = Pick<ResolvedLeaseConfig, 'failoverTimeMs' | 'lookIntervalMs' | 'workerId'>;

/**
 * How long to wait before the next look at the table, unless the bell rings.
 *
 * @remarks
 * A look reads 8 KiB, some 20 rows, for one read unit; a renewal costs 5 times as much, and each row needs 3 renewals in a failover time.
 * So with W workers that all look, a look every W/60 failover times costs a fifth of the renewals, however many rows there are from ten up.
 * Where one worker watches for all by looks, it alone looks often, and exactly when a lease that stands still expires.
 * An interval that the user sets is kept, but not by a worker that waits for what only a look of its own can show.
 */
export function lookIntervalMs(config: Config, seen: SeenFleet): number {
  const isSet = config.lookIntervalMs !== undefined;
  if (!isSet) return ownIntervalMs(config, seen);
  return seen.isWaiting ? Math.min(config.lookIntervalMs, ownIntervalMs(config, seen)) : config.lookIntervalMs;
}

function ownIntervalMs(config: Config, { watcher, workers, seenLeases }: SeenFleet): number {
  const { failoverTimeMs } = config;
  if (watcher === 'other') return WATCHED_FAILOVERS * failoverTimeMs;
  const leases = seenLeases();
  const rowsMs = leases.length * MS_PER_ROW;
  const wantedMs =
    watcher === 'self'
      ? Math.max(WATCH_FAILOVERS * failoverTimeMs, rowsMs)
      : Math.max(Math.max(workers * FAILOVERS_PER_WORKER, MIN_FAILOVERS) * failoverTimeMs, rowsMs);
  const expiryMs = Math.max(soonestExpiryMs(leases, config), rowsMs, MIN_FAILOVERS * failoverTimeMs);
  return Math.min(wantedMs, expiryMs, MAX_FAILOVERS * failoverTimeMs);
}

/** How long to wait before the next look where the pulses of all others are read. */
export function pulsesIntervalMs({ failoverTimeMs, lookIntervalMs }: Config): number {
  return lookIntervalMs ?? PULSES_FAILOVERS * failoverTimeMs;
}

/** How often to read the rows that have the pulses. */
export function peekIntervalMs({ failoverTimeMs }: Config): number {
  return WATCH_FAILOVERS * failoverTimeMs;
}

/**
 * Whether to read the pulses rather than to scan the table: this worker watches, the fleet is small, since in a larger one a scan costs less
 * than the row of each worker, and each lease is held by this worker or by one whose pulse beats.
 *
 * @param isHeld - whether this worker holds the lease. @param stillMs - for how long the pulse of a lease's holder stands still; `undefined`: it
 * has none.
 */
export function watchesPulses(
  { failoverTimeMs }: Config,
  { open, workers }: Pick<FleetFacts, 'open' | 'workers'>,
  watcher: Watcher,
  isHeld: (leaseKey: string) => boolean,
  stillMs: (row: LeaseRow) => number | undefined,
): boolean {
  const isAlive = (row: LeaseRow): boolean => isHeld(row.leaseKey) || (stillMs(row) ?? Infinity) <= failoverTimeMs;
  return watcher === 'self' && workers <= PULSES_WORKERS && open.every(isAlive);
}

/** How often to read the bell's row. */
export function listenIntervalMs({ failoverTimeMs }: Config, workers: number): number {
  return Math.max(LISTEN_FAILOVERS * failoverTimeMs, workers * LISTEN_MS_PER_WORKER);
}

/** How long to wait after a ring: at random, so that not all workers of a large fleet read a large table at the same moment. */
export function spreadMs({ failoverTimeMs }: Config, workers: number, rows: number, random: () => number): number {
  return Math.floor(random() * Math.min(workers * rows * SPREAD_MS, MAX_FAILOVERS * failoverTimeMs));
}

/** When the first of the others' leases expires, unless it is renewed. */
function soonestExpiryMs(leases: readonly ObservedLease[], { failoverTimeMs, workerId }: Config): number {
  let soonestMs = Infinity;
  for (const { row, idleMs, stillMs = 0 } of leases) {
    const leftMs = failoverTimeMs + 1 - Math.max(idleMs, stillMs);
    const isTheirs = row.leaseOwner !== undefined && row.leaseOwner !== workerId;
    if (isTheirs && leftMs > 0 && leftMs < soonestMs && !isEnded(row)) soonestMs = leftMs;
  }
  return soonestMs;
}

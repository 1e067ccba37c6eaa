import type { ResolvedLeaseConfig } from './lease-config.js';
import type { LeaseRow } from './lease.js';

/** The interval, in failover times for each worker, at which the fleet's looks cost a fifth of its renewals. */
const FAILOVERS_PER_WORKER = 1 / 60;
const MIN_FAILOVERS = 1 / 20;
/** KCL's interval. */
const MAX_FAILOVERS = 2;
/** The wait for each row, in ms: it bounds the work of large tables. */
const MS_PER_ROW = 0.5;

/**
 * How long to wait before the next look at the table.
 *
 * @remarks
 * A look reads 8 KiB, some 20 rows, for one read unit; a renewal costs 5 times as much, and each row needs 3 renewals in a failover time.
 * So with W workers, a look every W/60 failover times costs a fifth of the renewals, however many rows there are. A small fleet looks
 * often, so a new owner is found soon; a large one reaches KCL's interval.
 */
export function lookIntervalMs(config: Pick<ResolvedLeaseConfig, 'failoverTimeMs' | 'lookIntervalMs'>, rows: readonly LeaseRow[]): number {
  if (config.lookIntervalMs !== undefined) return config.lookIntervalMs;
  const { failoverTimeMs } = config;
  const workers = new Set(rows.map(({ leaseOwner }) => leaseOwner)).size;
  const wanted = Math.max(workers * FAILOVERS_PER_WORKER * failoverTimeMs, rows.length * MS_PER_ROW, MIN_FAILOVERS * failoverTimeMs);
  return Math.min(wanted, MAX_FAILOVERS * failoverTimeMs);
}

import type { ResolvedLeaseConfig } from './lease-config.js';
import type { LeaseRow } from './lease.js';

/** Looks of the whole fleet that cost as much as a fifth of its renewals, in failover times for each worker. */
const FAILOVERS_PER_WORKER = 1 / 60;
const MIN_FAILOVERS = 1 / 20;
/** KCL's interval. */
const MAX_FAILOVERS = 2;
/** What a row may cost a worker that does nothing else: half a millisecond of waiting. */
const MS_PER_ROW = 0.5;

/**
 * How long to wait before the next look at the table.
 *
 * @remarks
 * A look reads 8 KiB, some 20 rows, for one read unit; a renewal costs 5 times as much and happens 3 times in a failover time for
 * each row. So with W workers a look each W/60 failover times costs a fifth of the renewals, however many rows there are from ten up; with fewer, a look is
 * half a unit all the same. In small fleets that is often, which makes the next owner quick: only a look tells of a worker that has stopped. Large
 * ones come to KCL's interval.
 */
export function lookIntervalMs(config: Pick<ResolvedLeaseConfig, 'failoverTimeMs' | 'lookIntervalMs'>, rows: readonly LeaseRow[]): number {
  if (config.lookIntervalMs !== undefined) return config.lookIntervalMs;
  const { failoverTimeMs } = config;
  const workers = new Set(rows.map(({ leaseOwner }) => leaseOwner)).size;
  const wanted = Math.max(workers * FAILOVERS_PER_WORKER * failoverTimeMs, rows.length * MS_PER_ROW, MIN_FAILOVERS * failoverTimeMs);
  return Math.min(wanted, MAX_FAILOVERS * failoverTimeMs);
}

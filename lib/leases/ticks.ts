import type { ResolvedLeaseConfig } from './lease-config.js';

/** The ticks between two renewals, a third of the failover time apart. A checkpoint renews the lease too and restarts the count. */
export const TICKS_TO_RENEWAL = 4;

/** How often the renewal looks at the held leases, in ms. */
export function tickMs({ failoverTimeMs }: Pick<ResolvedLeaseConfig, 'failoverTimeMs'>): number {
  return failoverTimeMs / 3 / TICKS_TO_RENEWAL;
}

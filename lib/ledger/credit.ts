import type { Ledger } from './ledger.js';

/** How much of a shard may be in flight: delivered and not settled. */
export interface CreditLimits {
  /** In records. */
  readonly maxInFlightRecords: number;
  /** In payload bytes. */
  readonly maxInFlightBytes: number;
}

/** How many records the shard's reader may read next; 0 while either limit is reached. A page may exceed the limit of bytes. */
export function creditIn(ledger: Ledger, { maxInFlightRecords, maxInFlightBytes }: CreditLimits): number {
  return ledger.outstandingBytes < maxInFlightBytes ? Math.max(0, maxInFlightRecords - ledger.outstandingRecords) : 0;
}

import type { Ledger } from './ledger.js';

/** How much of a shard may be in flight, that is, delivered and not settled. */
export interface CreditLimits {
  /** In records. */
  readonly maxInFlightRecords: number;
  /** In payload bytes. */
  readonly maxInFlightBytes: number;
}

/** How many records the shard's reader may ask for next; 0 while either limit is reached. A page may exceed the limit of bytes. */
export function creditIn(ledger: Ledger, { maxInFlightRecords, maxInFlightBytes }: CreditLimits): number {
  return ledger.outstandingBytes < maxInFlightBytes ? Math.max(0, maxInFlightRecords - ledger.outstandingRecords) : 0;
}

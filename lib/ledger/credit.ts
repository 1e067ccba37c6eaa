import type { Ledger } from './ledger.js';

/** How much of a shard may be in flight: delivered and not settled. */
export interface CreditLimits {
  /** In records. */
  readonly maxInFlightRecords: number;
  /** In payload bytes. */
  readonly maxInFlightBytes: number;
}

/** Whether the shard's reader may read another page. It may exceed the limits by that one page. */
export function hasCredit(ledger: Ledger, { maxInFlightRecords, maxInFlightBytes }: CreditLimits): boolean {
  return ledger.outstandingRecords < maxInFlightRecords && ledger.outstandingBytes < maxInFlightBytes;
}

import type { SequenceNumberRanges } from '../values/sequence-range.js';

/** The handle of a block whose records are in a {@link BlockStore}: all that stays in memory of it. */
export interface StoredBlock {
  /** The block's id, which follows from its ranges. */
  readonly id: string;
  /** The block's ranges; this instance is what the ledger knows the block by. */
  readonly ranges: SequenceNumberRanges;
  /** Whether the records were read again from Kinesis before they were stored. */
  readonly recovered: boolean;
}

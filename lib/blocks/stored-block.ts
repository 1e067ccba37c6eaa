import type { SequenceNumberRanges } from '../values/sequence-range.js';

/** The handle of a block whose records are in a {@link BlockStore}: only the handle stays in memory. */
export interface StoredBlock {
  /** The block's id, which follows from its ranges. */
  readonly id: string;
  /** The block's ranges; the ledger identifies the block by this instance. */
  readonly ranges: SequenceNumberRanges;
  /** Whether the records were read again from Kinesis before they were stored. */
  readonly recovered: boolean;
}

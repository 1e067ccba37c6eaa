import { guardFor, RxKinesisError } from '../values/errors.js';
import { rangesToString, type SequenceNumberRanges } from '../values/sequence-range.js';

/** A stored block is lost or corrupt; its ranges name the records to re-read. Retriable: `recoverFrom` re-reads them. */
export class BlockUnavailableError extends RxKinesisError {
  readonly code = 'BLOCK_UNAVAILABLE';
  readonly retriable = true;
  /** The ranges of the block. */
  readonly ranges: SequenceNumberRanges;

  constructor(ranges: SequenceNumberRanges, cause?: unknown) {
    super(`block unavailable: ${rangesToString(ranges.ranges)}`, { cause });
    this.ranges = ranges;
  }
}

/** Whether `error` is a {@link BlockUnavailableError}. */
export const isBlockUnavailable = /* @__PURE__ */ guardFor<BlockUnavailableError>('BLOCK_UNAVAILABLE');

/** Why a call to a block store failed, see {@link BlockStoreError.fault}. */
export type BlockStoreFault = 'copies' | 'failed' | 'full' | 'timeout';

/** A block could not be stored, read, deleted or listed. Retriable when the fault is one that passes. */
export class BlockStoreError extends RxKinesisError {
  readonly code = 'BLOCK_STORE';
  readonly retriable: boolean;
  /**
   * `full`: the memory budget has no room; `copies`: fewer copies were made than the level promises; `timeout`: the store did not answer
   * in time; `failed`: the database or the service gave an error.
   */
  readonly fault: BlockStoreFault;

  constructor(message: string, fields: { readonly fault: BlockStoreFault; readonly retriable: boolean; readonly cause?: unknown }) {
    super(message, { cause: fields.cause });
    this.fault = fields.fault;
    this.retriable = fields.retriable;
  }
}

/** Whether `error` is a {@link BlockStoreError}. */
export const isBlockStoreError = /* @__PURE__ */ guardFor<BlockStoreError>('BLOCK_STORE');

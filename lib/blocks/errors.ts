import { guardFor, RxKinesisError } from '../values/errors.js';
import { rangesToString, type SequenceNumberRanges } from '../values/sequence-range.js';

/** A stored block is lost or corrupt; its ranges say what to read again. Retriable: `recoverFrom` does. */
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

/** Why a block store did not do what it was asked. */
export type BlockStoreFault = 'copies' | 'failed' | 'full' | 'timeout';

/** A block could not be stored, read, deleted or listed. Retriable when the fault is one that passes. */
export class BlockStoreError extends RxKinesisError {
  readonly code = 'BLOCK_STORE';
  readonly retriable: boolean;
  /**
   * `full`: the memory budget has no room; `copies`: fewer copies than the level promises could be made; `timeout`: a call was not
   * answered in time; `failed`: the database or the service said no.
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

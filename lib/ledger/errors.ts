import { guardFor, RxKinesisError } from '../values/errors.js';
import type { SequenceNumberRange } from '../values/sequence-range.js';

/**
 * `withSequenceRanges` got records twice, or not in the order in which they were read, so that a checkpoint could pass a record whose
 * work is unfinished. Keep the order of records before `withSequenceRanges`; after it, blocks may finish in any order. Not retriable.
 */
export class OutOfOrderError extends RxKinesisError {
  readonly code = 'OUT_OF_ORDER';
  readonly retriable = false;
  /** The name of the stream, without account and region. */
  readonly streamName: string;
  /** The id of the shard, for example `shardId-000000000000`. */
  readonly shardId: string;
  /** Where the records begin that came too late. */
  readonly sequenceNumber: string;

  constructor({ streamName, shardId, fromSeqNumber }: SequenceNumberRange) {
    super(`${streamName}/${shardId}: record ${fromSeqNumber} came to withSequenceRanges twice or after a later one`);
    this.streamName = streamName;
    this.shardId = shardId;
    this.sequenceNumber = fromSeqNumber;
  }
}

/** Whether `error` is an {@link OutOfOrderError}. */
export const isOutOfOrder = /* @__PURE__ */ guardFor<OutOfOrderError>('OUT_OF_ORDER');

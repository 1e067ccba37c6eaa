import { guardFor, RxKinesisError } from '../values/errors.js';

/** A checkpoint could not be read or written. Retriable when the store's fault is a passing one. */
export class CheckpointError extends RxKinesisError {
  readonly code = 'CHECKPOINT';
  readonly retriable: boolean;
  readonly streamName: string;
  readonly shardId: string;

  constructor(
    message: string,
    fields: { readonly streamName: string; readonly shardId: string; readonly retriable: boolean; readonly cause?: unknown },
  ) {
    super(`${fields.streamName}/${fields.shardId}: ${message}`, { cause: fields.cause });
    this.retriable = fields.retriable;
    this.streamName = fields.streamName;
    this.shardId = fields.shardId;
  }
}

/** Whether `error` is a {@link CheckpointError}. */
export const isCheckpointError = /* @__PURE__ */ guardFor<CheckpointError>('CHECKPOINT');

/** Another worker has taken the shard: this one must stop its work on it and write nothing more. Not retriable. */
export class LeaseLostError extends RxKinesisError {
  readonly code = 'LEASE_LOST';
  readonly retriable = false;
  readonly streamName: string;
  readonly shardId: string;

  constructor(fields: { readonly streamName: string; readonly shardId: string; readonly cause?: unknown }) {
    super(`${fields.streamName}/${fields.shardId}: the lease is lost, another worker holds it`, { cause: fields.cause });
    this.streamName = fields.streamName;
    this.shardId = fields.shardId;
  }
}

/** Whether `error` is a {@link LeaseLostError}. */
export const isLeaseLost = /* @__PURE__ */ guardFor<LeaseLostError>('LEASE_LOST');

import { guardFor, RxKinesisError } from '../values/errors.js';
import type { Position } from '../values/position.js';
import { positionToString } from '../values/sequence-range.js';

/** A checkpoint could not be read or written, or a lease not released. Retriable when the store's fault is a passing one. */
export class CheckpointError extends RxKinesisError {
  readonly code = 'CHECKPOINT';
  readonly retriable: boolean;
  /** The name of the stream, without account and region. */
  readonly streamName: string;
  /** The id of the shard, for example `shardId-000000000000`. */
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

/**
 * The stored checkpoint belongs to another shard of this name: of another stream, or of a stream that was deleted and made again. The
 * package reads and overwrites nothing then. Give each stream a table (or store) of its own; if the stream was made again, delete the
 * shard's entry. Not retriable.
 */
export class ForeignCheckpointError extends RxKinesisError {
  readonly code = 'FOREIGN_CHECKPOINT';
  readonly retriable = false;
  /** The name of the stream, without account and region. */
  readonly streamName: string;
  /** The id of the shard, for example `shardId-000000000000`. */
  readonly shardId: string;
  /** The position in the store. */
  readonly checkpoint: Position;
  /** The sequence number at which the stream's present shard begins. */
  readonly shardStart: string;

  constructor(fields: {
    readonly streamName: string;
    readonly shardId: string;
    readonly checkpoint: Position;
    readonly shardStart: string;
    readonly reason: string;
  }) {
    const { streamName, shardId, checkpoint, shardStart, reason } = fields;
    super(
      `${streamName}/${shardId}: the stored checkpoint ${positionToString(checkpoint)} is not of this shard, which begins at ${shardStart}: ` +
        `${reason}. If the store is another stream's, give this stream one of its own. If the stream was deleted and made again, stop all workers and delete ` +
        `the entry of this shard`,
    );
    this.streamName = streamName;
    this.shardId = shardId;
    this.checkpoint = checkpoint;
    this.shardStart = shardStart;
  }
}

/** Whether `error` is a {@link ForeignCheckpointError}. */
export const isForeignCheckpoint = /* @__PURE__ */ guardFor<ForeignCheckpointError>('FOREIGN_CHECKPOINT');

/** Another worker has taken the shard: this one must stop its work on it and write nothing more. Not retriable. */
export class LeaseLostError extends RxKinesisError {
  readonly code = 'LEASE_LOST';
  readonly retriable = false;
  /** The name of the stream, without account and region. */
  readonly streamName: string;
  /** The id of the shard, for example `shardId-000000000000`. */
  readonly shardId: string;

  constructor(fields: { readonly streamName: string; readonly shardId: string; readonly cause?: unknown }) {
    super(`${fields.streamName}/${fields.shardId}: the lease is lost, another worker may hold it`, { cause: fields.cause });
    this.streamName = fields.streamName;
    this.shardId = fields.shardId;
  }
}

/** Whether `error` is a {@link LeaseLostError}. */
export const isLeaseLost = /* @__PURE__ */ guardFor<LeaseLostError>('LEASE_LOST');

import { guardFor, RxKinesisError } from '../values/errors.js';
import { positionToString, rangesToString, rangeToString, type RangeToRead } from '../values/sequence-range.js';
import type { Position } from '../values/position.js';

/** A shard, or the list of a stream's shards, could not be read. */
export class ShardReadError extends RxKinesisError {
  readonly code = 'SHARD_READ';
  /** Whether the fault may pass; the reader has already retried it `retry.maxRetries` times. */
  readonly retriable: boolean;
  /** The name of the stream, without account and region. */
  readonly streamName: string;
  /** The shard, unless the list of shards could not be read. */
  readonly shardId: string | undefined;
  /** The last delivered record, or else the checkpoint behind which reading was to begin, if there was one. */
  readonly position: Position | undefined;

  constructor(
    message: string,
    fields: {
      readonly streamName: string;
      readonly shardId?: string;
      readonly position?: Position;
      readonly retriable: boolean;
      readonly cause?: unknown;
    },
  ) {
    const place = fields.shardId === undefined ? fields.streamName : `${fields.streamName}/${fields.shardId}`;
    const after = fields.position ? ` after ${positionToString(fields.position)}` : '';
    super(`${place}: ${message}${after}`, { cause: fields.cause });
    this.retriable = fields.retriable;
    this.streamName = fields.streamName;
    this.shardId = fields.shardId;
    this.position = fields.position;
  }
}

/** Whether `error` is a {@link ShardReadError}. */
export const isShardReadError = /* @__PURE__ */ guardFor<ShardReadError>('SHARD_READ');

/** A missing part of a shard. */
export interface Gap {
  /** The name of the stream, without account and region. */
  readonly streamName: string;
  /** The id of the shard, for example `shardId-000000000000`. */
  readonly shardId: string;
  /** The last position known to be good, or the first missing one. */
  readonly from: Position;
  /** The first record after `from` that Kinesis still has, where one was seen. */
  readonly firstAvailable?: Position;
}

/** Kinesis no longer holds records that should be read: they are past the stream's retention. Not retriable. */
export class RangeExpiredError extends RxKinesisError {
  readonly code = 'RANGE_EXPIRED';
  readonly retriable = false;
  /** The ranges of which records are missing; empty where only a starting position was known. */
  readonly missing: readonly RangeToRead[];
  /** Where the missing part begins, and what comes after it. */
  readonly gap: Gap;

  constructor(gap: Gap, missing: readonly RangeToRead[], cause?: unknown) {
    const what = missing.length > 0 ? rangesToString(missing) : `${gap.streamName}/${gap.shardId} at ${positionToString(gap.from)}`;
    const next = gap.firstAvailable ? `; the first record after it is ${positionToString(gap.firstAvailable)}` : '';
    super(`Kinesis no longer holds ${what}${next}`, { cause });
    this.missing = missing;
    this.gap = gap;
  }
}

/** Whether `error` is a {@link RangeExpiredError}. */
export const isRangeExpired = /* @__PURE__ */ guardFor<RangeExpiredError>('RANGE_EXPIRED');

/** A range was read, but its records do not match its ends and its count. Not retriable. */
export class RangeIncompleteError extends RxKinesisError {
  readonly code = 'RANGE_INCOMPLETE';
  readonly retriable = false;
  /** The ranges that do not match. */
  readonly missing: readonly RangeToRead[];
  /** How many records of the first of them were found. There may be more: reading stops above `recordCount`. */
  readonly found: number;

  constructor(range: RangeToRead, found: number) {
    const { recordCount } = range;
    super(
      `${rangeToString(range)}: found ${recordCount === undefined ? `${found} records, and not its last` : `${found} of ${recordCount} records`}`,
    );
    this.missing = [range];
    this.found = found;
  }
}

/** Whether `error` is a {@link RangeIncompleteError}. */
export const isRangeIncomplete = /* @__PURE__ */ guardFor<RangeIncompleteError>('RANGE_INCOMPLETE');

/** Reading a range made no progress for `retryTimeoutMs`. Retriable. */
export class RecoveryTimeoutError extends RxKinesisError {
  readonly code = 'RECOVERY_TIMEOUT';
  readonly retriable = true;
  /** The ranges that were not read to their ends. */
  readonly missing: readonly RangeToRead[];
  /** For how long there was no progress, in ms. */
  readonly timeoutMs: number;

  constructor(missing: readonly RangeToRead[], timeoutMs: number, cause?: unknown) {
    super(`${rangesToString(missing)}: no progress for ${timeoutMs} ms`, { cause });
    this.missing = missing;
    this.timeoutMs = timeoutMs;
  }
}

/** Whether `error` is a {@link RecoveryTimeoutError}. */
export const isRecoveryTimeout = /* @__PURE__ */ guardFor<RecoveryTimeoutError>('RECOVERY_TIMEOUT');

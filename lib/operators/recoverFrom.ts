import {
  asyncScheduler,
  defer,
  filter,
  from,
  identity,
  map,
  tap,
  throwError,
  timeout,
  type Observable,
  type ObservableInput,
  type OperatorFunction,
  type SchedulerLike,
} from 'rxjs';
import type { CheckpointStore } from '../checkpoints/checkpoint-store.js';
import { Recovery } from '../recovery/recovery.js';
import { MAX_TIMER_MS } from '../internal/delay.js';
import { followedBy } from '../internal/followed-by.js';
import { retryWithBackOff, type RetryWithBackOffConfig } from '../internal/back-off.js';
import { assertFunction, assertInteger, assertKnownFields, assertNumber, assertScheduler, type FieldsOf } from '../internal/validate.js';
import { isBlockUnavailable } from '../blocks/errors.js';
import { RecoveryTimeoutError } from '../kinesis/errors.js';
import { RangeScan } from '../readers/range-scan.js';
import { LostWork } from '../recovery/lost-work.js';
import type { Block } from '../values/block.js';
import { InvalidConfigError, InvalidValueError, isFinal } from '../values/errors.js';
import { comparePositions } from '../values/position.js';
import { positionToString, type SequenceNumberRange } from '../values/sequence-range.js';
import { hasOwnPatience } from '../readers/own-patience.js';
import type { Reread } from '../readers/reread.js';
import { isRecord, misplaced } from '../tracking/misplaced.js';
import { sameShard, type ShardName } from '../values/shard-id.js';
import { shown } from '../values/shown.js';
import type { KinesisRecord, RecordFields } from '../values/record.js';

/** How {@link recoverFrom} recovers. */
export interface RecoverFromConfig {
  /** The most recoveries within `resetAfterMs`; the next error is propagated. From 0 up. @defaultValue 10 */
  readonly maxRecoveries?: number | undefined;
  /**
   * The bound from which the delays grow: doubled with each recovery within `resetAfterMs`, with full jitter; the first recovery begins
   * at once. In ms, from 0 up. @defaultValue 100
   */
  readonly initialDelayMs?: number | undefined;
  /** The bound of every delay, in ms. From 0 up. @defaultValue 10_000 */
  readonly maxDelayMs?: number | undefined;
  /** The sliding window in which errors are counted, in ms. From 1 up. @defaultValue 60_000 */
  readonly resetAfterMs?: number | undefined;
  /**
   * The longest time without progress in a re-read, in ms; then the re-read counts as failed. For `read` it is the time between two records,
   * but what `kinesisRanges` returns has a `retryTimeoutMs` of its own. From 1 up. @defaultValue 10_000
   */
  readonly retryTimeoutMs?: number | undefined;
  /**
   * Reads ranges of one shard, of a block that does not come from a shard of this process, for example
   * `(ranges) => kinesisRanges(ranges, { client })`. Must emit records of that shard. Blocks of a shard are re-read with the client of its source.
   * @defaultValue such blocks are an error
   */
  readonly read?: ((ranges: readonly SequenceNumberRange[]) => ObservableInput<KinesisRecord>) | undefined;
  /** The scheduler of all timers, and the clock. @defaultValue asyncScheduler */
  readonly scheduler?: SchedulerLike | undefined;
  /** Returns a number from 0 up to 1, for the jitter. @defaultValue Math.random */
  readonly random?: (() => number) | undefined;
}

/**
 * The values that {@link recoverFrom} emits: those of the source, and a plain block (or record) for each lost one. A re-read block does not
 * have the fields that operators upstream had added.
 */
export type Recovered<T extends Block | KinesisRecord> = T | (T extends Block ? Block : KinesisRecord);

/**
 * Like `catchError` with a re-read of bounded Kinesis ranges: after an upstream error, re-emits exactly what was lost, then
 * re-subscribes to the source.
 *
 * @remarks
 * Lost are the block that the error names (`BlockUnavailableError`) and every record that was delivered and had not passed this operator.
 * They are re-read from Kinesis and verified. Re-read blocks have `recovered: true`, are emitted in order and before later ones, and settle
 * like any other. Then the operator re-subscribes to the source, which resumes after the last delivered record. Values that have passed
 * are neither torn down nor repeated. A shard of which nothing has passed yet restarts at its watermark. Lost records in no block are not
 * re-emitted if the store has a checkpoint beyond them that does not name their block as unreleased. The first recovery begins at once, later
 * ones back off with full jitter.
 *
 * Put it where the values are still blocks (or records), before the work: re-read values are plain blocks, and do not pass the operators
 * between the source and this one. Put it after shards (one, or several merged); after a merged `kinesisStream`, whose shards are new with
 * each subscription, it is at-least-once. Buffers one lost block at a time, or a page.
 *
 * Errors: propagates an error that is not retriable (access denied, an invalid config, an expired range under `onGap: 'fail'`), and the
 * last error after more than `maxRecoveries` within `resetAfterMs`; errors with an `InvalidConfigError` at the first value of a shard whose
 * source has another store, or none. Unsubscribing aborts a re-read.
 *
 * @param store - the store of the shards' source, to be told if it has another one, or none. @defaultValue nothing is compared
 * @throws InvalidConfigError when called with a number out of range or with an invalid store.
 *
 * @example
 * ```ts
 * shard.pipe(bufferTime(200), withSequenceRanges(), recoverFrom(), concatMap(work), checkpointEvery(30_000));
 * ```
 */
export function recoverFrom<T extends Block | KinesisRecord>(
  store?: CheckpointStore,
  config: RecoverFromConfig = {},
): OperatorFunction<T, Recovered<T>> {
  const { retryTimeoutMs, read, policy } = resolve(store, config);
  const readForeign = read && rereadGiven(read, policy.scheduler);

  return (source) =>
    defer(() => {
      const lost = new LostWork((shard) => shard.content.assertOwnStore(store, 'recoverFrom'));
      const recovery = new Recovery(lost, { retryTimeoutMs, readForeign });

      // 1. The source errors: decide whether to recover, and make its shards resume after the last delivered record.
      const recoveries = (): RetryWithBackOffConfig => ({
        ...policy,
        shouldRetry: (error, attempt) => !isFinal(error) && (attempt === 1 ? 'at once' : true),
        notify: ({ error }) => {
          if (isBlockUnavailable(error)) lost.noteLost(error.ranges);
          recovery.begin(error);
        },
        hurry$: recovery.stopping$,
      });
      // 2. Re-read and emit what was delivered and has not passed. 3. Then re-subscribe to the source.
      return followedBy(recovery.emitLost() as Observable<Recovered<T>>, source).pipe(
        retryWithBackOff(recoveries),
        // A value that passes here, for the first time or again, is being worked on downstream: it is not lost any more.
        tap({ next: (value) => lost.notePassed(value), finalize: () => recovery.cancel() }),
      );
    });
}

function resolve(store: CheckpointStore | undefined, config: RecoverFromConfig) {
  if (store !== undefined && typeof (store as Partial<CheckpointStore> | null)?.read !== 'function')
    throw new InvalidConfigError('store: expected a CheckpointStore');
  assertKnownFields(config, RECOVERY_FIELDS);
  const { maxRecoveries = 10, initialDelayMs = 100, maxDelayMs = 10_000, resetAfterMs = 60_000, retryTimeoutMs = 10_000, read } = config;
  const { scheduler = asyncScheduler, random = Math.random } = config;
  assertInteger('maxRecoveries', maxRecoveries, 0);
  assertNumber('initialDelayMs', initialDelayMs, 0);
  assertNumber('maxDelayMs', maxDelayMs, 0);
  assertNumber('resetAfterMs', resetAfterMs, 1);
  assertScheduler(scheduler);
  assertNumber('retryTimeoutMs', retryTimeoutMs, 1);
  if (read !== undefined) assertFunction('read', read);
  assertFunction('random', random);
  return { retryTimeoutMs, read, policy: { maxRetries: maxRecoveries, initialDelayMs, maxDelayMs, resetAfterMs, scheduler, random } };
}

const RECOVERY_FIELDS: FieldsOf<RecoverFromConfig> = {
  maxRecoveries: true,
  initialDelayMs: true,
  maxDelayMs: true,
  resetAfterMs: true,
  retryTimeoutMs: true,
  read: true,
  scheduler: true,
  random: true,
};

/** Reads ranges of one shard with the user's `read`, and verifies them like any other re-read. */
function rereadGiven(read: NonNullable<RecoverFromConfig['read']>, scheduler: SchedulerLike): Reread<SequenceNumberRange> {
  return (ranges, { retryTimeoutMs }) =>
    defer(() => {
      const records$ = read(ranges);
      const scan = new RangeScan(ranges, (error) => {
        throw error;
      });
      let last: KinesisRecord | undefined;
      const stalled = (): Observable<never> => throwError(() => new RecoveryTimeoutError(scan.pending, retryTimeoutMs));
      return from(records$).pipe(
        hasOwnPatience(records$) ? identity : timeout({ each: Math.min(retryTimeoutMs, MAX_TIMER_MS), with: stalled, scheduler }),
        tap({ next: (record) => assertOfShard(record, ranges[0]!), complete: () => scan.end() }),
        tap((record) => assertAfter(last, (last = record))),
        filter((record) => scan.picks(record)),
        map((record) => [fieldsOf(record)]),
      );
    });
}

/** @throws InvalidConfigError for a value that is no record; InvalidValueError for a record of another shard. */
function assertOfShard(record: KinesisRecord, shard: ShardName): void {
  if (!isRecord(record)) throw misplaced('recoverFrom, option read: expected a record', record, 'emit one record after another');
  if (sameShard(record, shard)) return;
  throw new InvalidValueError(
    `recoverFrom, option read: expected a record of ${shard.streamName}/${shard.shardId}, got one of ${shown(record.streamName)}/${record.shardId}`,
  );
}

/** @throws InvalidValueError for a record that does not come after the one before: twice the same would stand for a missing one. */
function assertAfter(before: KinesisRecord | undefined, record: KinesisRecord): void {
  if (!before || comparePositions(before, record) < 0) return;
  throw new InvalidValueError(
    `recoverFrom, option read: expected records of ${record.streamName}/${record.shardId} in order, got ${positionToString(record)} after ${positionToString(before)}`,
  );
}

function fieldsOf(record: KinesisRecord): RecordFields {
  const { sequenceNumber, subSequenceNumber, partitionKey, data, approximateArrivalTimestamp, explicitHashKey } = record;
  return {
    sequenceNumber,
    subSequenceNumber,
    partitionKey,
    data,
    approximateArrivalTimestamp,
    ...(explicitHashKey !== undefined && { explicitHashKey }),
  };
}

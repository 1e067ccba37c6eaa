import {
  asyncScheduler,
  concat,
  defer,
  filter,
  finalize,
  from,
  map,
  retry,
  tap,
  throwError,
  timeout,
  type MonoTypeOperatorFunction,
  type Observable,
  type ObservableInput,
  type SchedulerLike,
} from 'rxjs';
import type { CheckpointStore } from '../checkpoints/checkpoint-store.js';
import { Recovery } from '../recovery/recovery.js';
import { delayOf } from '../internal/delay.js';
import { assertInteger, assertKnownFields, assertNumber } from '../internal/validate.js';
import { isBlockUnavailable } from '../blocks/errors.js';
import { RecoveryTimeoutError } from '../kinesis/errors.js';
import { RangeScan } from '../readers/range-scan.js';
import { LostWork } from '../recovery/lost-work.js';
import type { Block } from '../values/block.js';
import { InvalidConfigError, isRxKinesisError } from '../values/errors.js';
import type { SequenceNumberRange } from '../values/sequence-range.js';
import type { Reread } from '../readers/reread.js';
import type { KinesisRecord, RecordFields } from '../values/record.js';

/** How {@link recoverFrom} recovers. */
export interface RecoverFromConfig {
  /** Recoveries within `resetAfterMs`; the error after that goes on. From 0 up. @defaultValue 10 */
  readonly maxRecoveries?: number;
  /** The window in which recoveries are counted, in ms. From 1 up. @defaultValue 60_000 */
  readonly resetAfterMs?: number;
  /** The longest time without progress in reading again, in ms; then the read counts as failed. From 1 up. @defaultValue 10_000 */
  readonly retryTimeoutMs?: number;
  /**
   * Reads the ranges of a block that does not come from a shard of this process, for example
   * `(ranges) => kinesisRanges(ranges, { client })`. Blocks of a shard are read again with the means of its source.
   * @defaultValue such blocks are an error
   */
  readonly read?: (ranges: readonly SequenceNumberRange[]) => ObservableInput<KinesisRecord>;
  /** The clock of the window. @defaultValue asyncScheduler */
  readonly scheduler?: SchedulerLike;
}

/**
 * A `catchError` that re-subscribes a bounded Kinesis range source: after an upstream error, emits exactly what was lost
 * again, then goes on with the source.
 *
 * @remarks
 * What was lost is the block that the error names (`BlockUnavailableError`) and everything that was delivered and had not
 * passed this operator. It is read again from Kinesis and verified; blocks come with `recovered: true`, in order, ahead of
 * what follows, and settle like any other. Then the source is subscribed again and goes on after the last delivered record. What
 * has passed already is neither torn down nor repeated. A shard of which nothing has passed yet begins anew at its watermark.
 * What `store` says is settled by then does not come again.
 *
 * Stands where the values are still blocks (or records), before the work: what comes again comes as Kinesis holds it, past
 * the operators between the source and this one. Stands behind shards (one, or several merged); behind a merged
 * `kinesisStream`, which begins anew with each subscription, it is at-least-once. Buffers one lost block at a time, or a page.
 *
 * Errors: what cannot be retried goes on (access denied, an invalid config, an expired range under `onGap: 'fail'`), and the
 * last error after more than `maxRecoveries` within `resetAfterMs`. Unsubscribing aborts a re-read.
 *
 * @param store - where the progress of the shards is kept.
 * @throws InvalidConfigError when called with a number out of range or without a store.
 *
 * @example
 * ```ts
 * shard.pipe(bufferTime(200), withSequenceRanges(), recoverFrom(store), concatMap(work), checkpointEvery(30_000));
 * ```
 */
export function recoverFrom<T extends Block | KinesisRecord>(
  store: CheckpointStore,
  config: RecoverFromConfig = {},
): MonoTypeOperatorFunction<T> {
  const { maxRecoveries, resetAfterMs, retryTimeoutMs, read, scheduler } = resolve(store, config);
  const readForeign = read && rereadWith(read, scheduler);

  return (source) =>
    defer(() => {
      const lost = new LostWork();
      const recovery = new Recovery(lost, { store, retryTimeoutMs, readForeign });
      const isTooOften = rateLimit(maxRecoveries, resetAfterMs, scheduler);

      // 1. The source fails: decide whether to go on, and ask its shards to read on after the last delivered record.
      const prepare = (error: unknown): Observable<unknown> => {
        const isFinal = isRxKinesisError(error) && !error.retriable;
        if (isFinal || isTooOften()) return throwError(() => error);
        if (isBlockUnavailable(error)) lost.noteLost(error.ranges);
        recovery.begin(error);
        return delayOf(0, scheduler);
      };
      // 2. What was delivered and has not passed is read again and emitted. 3. Then the source is subscribed again.
      const attempt$ = defer(() => concat(recovery.emitLost() as Observable<T>, source));
      // Whatever passes here, for the first time or again, is being worked on further down: it is not lost any more.
      return attempt$.pipe(
        tap((value) => lost.notePassed(value)),
        retry({ delay: prepare }),
        finalize(() => recovery.cancel()),
      );
    });
}

function resolve(store: CheckpointStore, config: RecoverFromConfig) {
  if (typeof (store as Partial<CheckpointStore> | undefined)?.read !== 'function')
    throw new InvalidConfigError('store: expected a CheckpointStore');
  assertKnownFields(config, { maxRecoveries: true, resetAfterMs: true, retryTimeoutMs: true, read: true, scheduler: true });
  const { maxRecoveries = 10, resetAfterMs = 60_000, retryTimeoutMs = 10_000, read, scheduler = asyncScheduler } = config;
  assertInteger('maxRecoveries', maxRecoveries, 0);
  assertNumber('resetAfterMs', resetAfterMs, 1);
  assertNumber('retryTimeoutMs', retryTimeoutMs, 1);
  return { maxRecoveries, resetAfterMs, retryTimeoutMs, read, scheduler };
}

/** Reads ranges of one shard with what the user gave, and verifies them as any other re-read. */
function rereadWith(read: NonNullable<RecoverFromConfig['read']>, scheduler: SchedulerLike): Reread {
  return (ranges, { retryTimeoutMs }) =>
    defer(() => {
      const scan = new RangeScan(ranges, (error) => {
        throw error;
      });
      const stalled = (): Observable<never> => throwError(() => new RecoveryTimeoutError(scan.pending, retryTimeoutMs));
      return from(read(ranges)).pipe(
        timeout({ each: retryTimeoutMs, with: stalled, scheduler }),
        tap({ complete: () => scan.end() }),
        filter((record) => scan.picks(record)),
        map((record) => [fieldsOf(record)]),
      );
    });
}

function fieldsOf(record: KinesisRecord): RecordFields {
  const { sequenceNumber, subSequenceNumber, partitionKey, data, approximateArrivalTimestamp } = record;
  return { sequenceNumber, subSequenceNumber, partitionKey, data, approximateArrivalTimestamp };
}

/** Counts; says whether there have been more than `most` within the last `windowMs`. */
function rateLimit(most: number, windowMs: number, scheduler: SchedulerLike): () => boolean {
  let timesMs: number[] = [];
  return () => {
    const now = scheduler.now();
    timesMs = [...timesMs.filter((timeMs) => now - timeMs < windowMs), now];
    return timesMs.length > most;
  };
}

import {
  asyncScheduler,
  concat,
  defer,
  filter,
  finalize,
  from,
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
import { retryWithBackOff } from '../internal/back-off.js';
import { assertFunction, assertInteger, assertKnownFields, assertNumber, assertScheduler, type FieldsOf } from '../internal/validate.js';
import { isBlockUnavailable } from '../blocks/errors.js';
import { RecoveryTimeoutError } from '../kinesis/errors.js';
import { RangeScan } from '../readers/range-scan.js';
import { LostWork } from '../recovery/lost-work.js';
import type { TrackedShard } from '../tracking/tracked-shard.js';
import type { Block } from '../values/block.js';
import { InvalidConfigError, isFinal } from '../values/errors.js';
import type { SequenceNumberRange } from '../values/sequence-range.js';
import type { Reread } from '../readers/reread.js';
import type { KinesisRecord, RecordFields } from '../values/record.js';

/** How {@link recoverFrom} recovers. */
export interface RecoverFromConfig {
  /** Recoveries within `resetAfterMs`; the error after that goes on. From 0 up. @defaultValue 10 */
  readonly maxRecoveries?: number;
  /**
   * The bound of the delay of the second recovery within `resetAfterMs` (the first begins at once), doubled with each, with full jitter; in
   * ms. From 0 up. @defaultValue 100
   */
  readonly initialDelayMs?: number;
  /** The bound of every delay, in ms. From 0 up. @defaultValue 10_000 */
  readonly maxDelayMs?: number;
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
  /** Every timer and clock. @defaultValue asyncScheduler */
  readonly scheduler?: SchedulerLike;
  /** A number from 0 up to 1, for the jitter. @defaultValue Math.random */
  readonly random?: () => number;
}

/**
 * What comes out of {@link recoverFrom}: what came in, and a plain block (or record) for what was lost. Fields that were added to a block above it
 * are not on the block that comes back.
 */
export type Recovered<T extends Block | KinesisRecord> = T | (T extends Block ? Block : KinesisRecord);

/**
 * A `catchError` that re-subscribes a bounded Kinesis range source: after an upstream error, emits exactly what was lost
 * again, then goes on with the source.
 *
 * @remarks
 * What was lost is the block that the error names (`BlockUnavailableError`) and everything that was delivered and had not
 * passed this operator. It is read again from Kinesis and verified; blocks come with `recovered: true`, in order, ahead of
 * what follows, and settle like any other. Then the source is subscribed again and goes on after the last delivered record. What
 * has passed already is neither torn down nor repeated. A shard of which nothing has passed yet begins anew at its watermark.
 * What the store says is settled by then does not come again. The first recovery begins at once, later ones back off with full jitter.
 *
 * Stands where the values are still blocks (or records), before the work: what comes again comes as Kinesis holds it, as a plain block, past
 * the operators between the source and this one. Stands behind shards (one, or several merged); behind a merged
 * `kinesisStream`, which begins anew with each subscription, it is at-least-once. Buffers one lost block at a time, or a page.
 *
 * Errors: what cannot be retried goes on (access denied, an invalid config, an expired range under `onGap: 'fail'`), and the
 * last error after more than `maxRecoveries` within `resetAfterMs`. `InvalidConfigError` at the first value of a shard whose source has
 * another store. Unsubscribing aborts a re-read.
 *
 * @param store - where the progress of the shards is kept: for shards without a store of their own. @defaultValue each shard's own
 * @throws InvalidConfigError when called with a number out of range or with what is no store.
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
  const readForeign = read && rereadWith(read, policy.scheduler);

  return (source) =>
    defer(() => {
      const lost = new LostWork((shard) => assertOwnStore(shard, store));
      const recovery = new Recovery(lost, { store, retryTimeoutMs, readForeign });

      // 1. The source fails: decide whether to go on, and ask its shards to read on after the last delivered record.
      const shouldRetry = (error: unknown, attempt: number): boolean | 'at once' => {
        if (isFinal(error)) return false;
        return attempt === 1 ? 'at once' : true;
      };
      const begin = (error: unknown): void => {
        if (isBlockUnavailable(error)) lost.noteLost(error.ranges);
        recovery.begin(error);
      };
      // 2. What was delivered and has not passed is read again and emitted. 3. Then the source is subscribed again.
      const attempt$ = defer(() => concat(recovery.emitLost() as Observable<Recovered<T>>, source));
      // Whatever passes here, for the first time or again, is being worked on further down: it is not lost any more.
      return attempt$.pipe(
        tap((value) => lost.notePassed(value)),
        retryWithBackOff({ ...policy, shouldRetry, notify: ({ error }) => begin(error), hurry$: recovery.stopping$ }),
        finalize(() => recovery.cancel()),
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

/** Two stores would say two things of how far a shard is done. */
function assertOwnStore({ identity: { streamName, shardId }, checkpointer }: TrackedShard, store: CheckpointStore | undefined): void {
  if (!store || !checkpointer.store || checkpointer.store === store) return;
  throw new InvalidConfigError(
    `${streamName}/${shardId}: recoverFrom has another store than the shard's source; give it that one, or none`,
  );
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

import {
  asyncScheduler,
  concat,
  defer,
  EMPTY,
  from,
  isObservable,
  mergeMap,
  NEVER,
  queueScheduler,
  subscribeOn,
  tap,
  type MonoTypeOperatorFunction,
  type Observable,
  type ObservableInput,
  type ObservedValueOf,
  type OperatorFunction,
  type SchedulerLike,
} from 'rxjs';
import { retryWithBackOff, type BackOff, type RetryAttempt } from '../internal/back-off.js';
import { isObservableInput } from '../internal/notifierOf.js';
import { assertFunction, assertInteger, assertKnownFields, assertNumber, assertScheduler } from '../internal/validate.js';
import { isOutOfOrder } from '../ledger/errors.js';
import type { Shard } from '../shards/shard.js';
import { misplaced } from '../tracking/misplaced.js';
import { trackedShardOf, type TrackedShard } from '../tracking/tracked-shard.js';
import { InvalidConfigError, isFinal, isInvalidValue } from '../values/errors.js';
import { supervised } from './supervised-pipeline.js';

/** How a shard's failed pipeline restarts: exponential back-off with full jitter. */
export interface RestartConfig {
  /**
   * The most restarts of one shard within `resetAfterMs`; the next error is propagated. From 0 up; with `Infinity` only an error without
   * restart ends the other shards. @defaultValue 10
   */
  readonly maxRestarts?: number | undefined;
  /** The bound of the first delay, doubled with each restart, in ms. From 0 up. @defaultValue 1_000 */
  readonly initialDelayMs?: number | undefined;
  /** The bound of every delay, in ms. From 0 up. @defaultValue 60_000 */
  readonly maxDelayMs?: number | undefined;
  /** The sliding window in which errors are counted, in ms. From 0 up; `Infinity` counts all. @defaultValue 600_000 */
  readonly resetAfterMs?: number | undefined;
}

/** How {@link mergeShards} runs and restarts pipelines. */
export interface MergeShardsConfig {
  /** How many shards are worked on at once; others wait. From 1 up. @defaultValue Infinity */
  readonly concurrency?: number | undefined;
  /** What to do when a shard's pipeline fails. */
  readonly restart?: RestartConfig | undefined;
  /** The scheduler of all timers, and the clock. @defaultValue asyncScheduler */
  readonly scheduler?: SchedulerLike | undefined;
  /** Returns a number from 0 up to 1, for the jitter. @defaultValue Math.random */
  readonly random?: (() => number) | undefined;
}

/**
 * Runs a pipeline for each shard and merges their values: `mergeMap` with supervision.
 *
 * @remarks
 * A shard's error does not end the others: `project` makes its pipeline again, which restarts at the shard's watermark, so records in
 * flight are emitted again. Restarts back off. When they are used up, or at once after an error that is not `retriable`, the error is
 * propagated and ends all pipelines; after `stop` the others drain first. A shard that fails while it is handed over to another worker
 * restarts there. A shard whose stored checkpoint is malformed is restarted too: it is read as soon as somebody has repaired the checkpoint.
 * A pipeline that completes before the shard's end and without `stop` gives the shard up, with the event `pipelineCompleted`. A lost lease
 * unsubscribes from the shard's pipeline at once and is no error. The children of a shard start when its *pipeline* has completed, not only
 * when its blocks are settled. Values are emitted as they come; order holds within a shard. Buffers shards, not values.
 *
 * @param project - makes the pipeline of a shard; called once for each start.
 * @throws InvalidConfigError when called with a number out of range.
 *
 * @example
 * ```ts
 * kinesisStream(config).pipe(
 *   mergeShards((shard) => shard.pipe(bufferTime(200), withSequenceRanges(), concatMap(work), checkpointEvery(30_000))),
 * );
 * ```
 */
export function mergeShards<O extends ObservableInput<unknown>>(
  project: (shard: Shard) => O,
  config: MergeShardsConfig = {},
): OperatorFunction<Shard, ObservedValueOf<O>> {
  assertFunction('project', project);
  assertKnownFields(config, { concurrency: true, restart: true, scheduler: true, random: true });
  const { concurrency = Infinity, restart = {}, scheduler = asyncScheduler, random = Math.random } = config;
  assertScheduler(scheduler);
  assertKnownFields(restart, { maxRestarts: true, initialDelayMs: true, maxDelayMs: true, resetAfterMs: true }, 'restart');
  const { maxRestarts = 10, initialDelayMs = 1_000, maxDelayMs = 60_000, resetAfterMs = 600_000 } = restart;
  if (concurrency !== Infinity) assertInteger('concurrency', concurrency, 1);
  if (maxRestarts !== Infinity) assertInteger('restart.maxRestarts', maxRestarts, 0);
  assertNumber('restart.initialDelayMs', initialDelayMs, 0);
  assertNumber('restart.maxDelayMs', maxDelayMs, 0);
  assertNumber('restart.resetAfterMs', resetAfterMs, 0, true);
  assertFunction('random', random);

  const policy = { maxRetries: maxRestarts, initialDelayMs, maxDelayMs, resetAfterMs, scheduler, random };

  return (shards$) =>
    defer(() => {
      /** The first error of a pipeline after `stop`: it must not end the other pipelines while they drain. */
      let failure: { readonly error: unknown } | undefined;
      const run = (shard: Shard): Observable<ObservedValueOf<O>> =>
        defer(() => pipelineOf(project(shard)) as Observable<ObservedValueOf<O>>).pipe(
          restarting(shard, policy),
          supervised(shard, (error, subscriber) => {
            if (error instanceof RestartsElsewhere) return subscriber.complete();
            const tracked = trackedShardOf(shard);
            tracked?.tell({ type: 'shardFailed', error });
            if (!tracked?.isStopping || tracked.isHandedOver) return subscriber.error(error);
            failure ??= { error };
            subscriber.complete();
          }),
          // Shards that waited may complete at once, as after `stop`: queueScheduler starts each from a loop, not within the one before.
          subscribeOn(queueScheduler),
        );
      const merged$ = shards$.pipe(mergeMap((shard) => run(asShard(shard)), concurrency));
      return concat(
        merged$,
        defer(() => {
          if (failure) throw failure.error;
          return EMPTY;
        }),
      );
    });
}

/**
 * Refuses a pipeline that is no ObservableInput with an error that is not retriable; RxJS would throw a TypeError, and cause restarts. Also a promise of
 * one, which is what an `async` function returns: nobody would subscribe to it.
 */
function pipelineOf<T>(pipeline: ObservableInput<T>): Observable<T> {
  if (!isObservableInput(pipeline))
    throw new InvalidConfigError(`mergeShards: expected project to return the shard's pipeline, got ${typeof pipeline}`);
  const pipeline$: Observable<T> = from(pipeline as ObservableInput<T>);
  return typeof (pipeline as { readonly then?: unknown }).then === 'function'
    ? pipeline$.pipe(tap((value: T) => refusePipeline(value)))
    : pipeline$;
}

function refusePipeline(value: unknown): void {
  if (isObservable(value)) throw new InvalidConfigError('mergeShards: project returned a promise of a pipeline: leave out async');
}

function asShard(shard: Shard): Shard {
  if (isObservableInput(shard) && isObservableInput(shard.leaseLost$)) return shard;
  throw misplaced('mergeShards: expected a shard', shard, 'put it behind kinesisStream');
}

/**
 * Whether an error of this package must not be retried. A malformed stored checkpoint may be repaired, so until then it does not end the
 * other shards.
 */
function isFinalFor(error: unknown, tracked: TrackedShard | undefined): boolean {
  const isOfCheckpoint = isInvalidValue(error) && tracked?.isOpened === false;
  return isFinal(error) && !isOfCheckpoint;
}

/** Ends a pipeline that failed while its shard was being handed over: the next owner reads on from the checkpoint, and restarts it so. */
class RestartsElsewhere extends Error {}

/** Restarts a failed pipeline after a delay, as often as the policy allows. @throws RestartsElsewhere */
function restarting<T>(shard: Shard, policy: BackOff): MonoTypeOperatorFunction<T> {
  const tracked = trackedShardOf(shard);
  const notify = (retry: RetryAttempt): void => tracked?.tell({ type: 'shardRestarted', ...retry });
  return retryWithBackOff(() => ({
    ...policy,
    // After records out of order the watermark may be past a record that was not worked on: restarting from there would lose it.
    // Errors that cannot pass are not retried, nor is any error while the shard is stopping.
    shouldRetry: (error, attempt) => {
      if (isOutOfOrder(error) || isFinalFor(error, tracked)) return false;
      if (!tracked?.isHandedOver) return !tracked?.isStopping;
      notify({ attempt, delayMs: 0, error });
      throw new RestartsElsewhere();
    },
    notify,
    // When the shard stops, a delay is cut short: the restarted shard completes at once.
    hurry$: tracked?.stopping$ ?? NEVER,
  }));
}

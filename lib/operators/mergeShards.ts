import {
  asyncScheduler,
  catchError,
  concat,
  defer,
  EMPTY,
  from,
  identity,
  mergeMap,
  NEVER,
  queueScheduler,
  subscribeOn,
  takeUntil,
  tap,
  throwError,
  type MonoTypeOperatorFunction,
  type Observable,
  type ObservableInput,
  type ObservedValueOf,
  type OperatorFunction,
  type SchedulerLike,
} from 'rxjs';
import { retryWithBackOff, type BackOff } from '../internal/back-off.js';
import { onEnd } from '../internal/on-end.js';
import { isObservableInput } from '../internal/notifierOf.js';
import { assertFunction, assertInteger, assertKnownFields, assertNumber, assertScheduler } from '../internal/validate.js';
import { isOutOfOrder } from '../ledger/errors.js';
import { misplaced } from '../tracking/misplaced.js';
import { InvalidConfigError, isFinal, isInvalidValue } from '../values/errors.js';
import type { Shard } from '../shards/shard.js';
import { isDelivered, isUnsettled } from '../tracking/isUnsettled.js';
import { trackedShardOf, type TrackedShard } from '../tracking/tracked-shard.js';

/** How a shard whose pipeline failed starts again: exponential back-off with full jitter. */
export interface RestartConfig {
  /**
   * Restarts of one shard within `resetAfterMs`; the error after that goes on. From 0 up; with `Infinity` no shard that may be restarted ends the
   * others. @defaultValue 10
   */
  readonly maxRestarts?: number;
  /** The bound of the first delay, doubled with each restart, in ms. From 0 up. @defaultValue 1_000 */
  readonly initialDelayMs?: number;
  /** The bound of every delay, in ms. From 0 up. @defaultValue 60_000 */
  readonly maxDelayMs?: number;
  /** The window in which restarts are counted, in ms; it slides. From 0 up. @defaultValue 600_000 */
  readonly resetAfterMs?: number;
}

/** How {@link mergeShards} supervises. */
export interface MergeShardsConfig {
  /** Shards worked on at once; others wait their turn. From 1 up. @defaultValue Infinity */
  readonly concurrency?: number;
  /** What to do when a shard's pipeline fails. */
  readonly restart?: RestartConfig;
  /** Every timer and clock. @defaultValue asyncScheduler */
  readonly scheduler?: SchedulerLike;
  /** A number from 0 up to 1, for the jitter. @defaultValue Math.random */
  readonly random?: () => number;
}

/**
 * Runs a pipeline for each shard and merges what they emit: `mergeMap` with supervision.
 *
 * @remarks
 * A shard's error does not end the others: its pipeline is made anew by `project` and starts again at its watermark, so what was
 * in flight comes again; restarts back off, and when they are used up, or at once after an error that is not `retriable`, the error goes on
 * and ends all. A shard whose stored checkpoint is malformed is restarted too: it is read as soon as somebody has mended it. A pipeline that completes before the shard's end and without `stop` gives the shard up, with the event
 * `pipelineCompleted`. A lost lease
 * unsubscribes the shard's pipeline at once and is no error. The children of a shard start when its *pipeline* has
 * completed, not only when its blocks are settled. Values come as they come; order holds within a shard. Buffers shards,
 * not values.
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

  const run = (shard: Shard): Observable<ObservedValueOf<O>> =>
    defer(() => from(pipelineOf(project(shard))) as Observable<ObservedValueOf<O>>).pipe(
      restarting(shard, policy),
      tap({ error: (error: unknown) => noteFailed(shard, error) }),
      takeUntil(shard.leaseLost$),
      supervised(trackedShardOf(shard)),
    );

  return (shards$) =>
    defer(() => {
      /** The first error of a pipeline after `stop`: it must not end the others, which are still draining. */
      let failure: { readonly error: unknown } | undefined;
      const keepWhileStopping = (shard: Shard) => (error: unknown) => {
        const tracked = trackedShardOf(shard);
        if (!tracked?.isStopping) return throwError(() => error);
        failure ??= { error };
        // It is not restarted: what it has not settled stays so.
        tracked.drain();
        return EMPTY;
      };
      const merged$ = shards$.pipe(
        // Those that waited for their turn may complete at once, as after `stop`: each from a loop, not from within the one before.
        mergeMap((shard) => run(asShard(shard)).pipe(catchError(keepWhileStopping(shard)), subscribeOn(queueScheduler)), concurrency),
      );
      return concat(
        merged$,
        defer(() => (failure ? throwError(() => failure?.error) : EMPTY)),
      );
    });
}

/** What RxJS would only call a TypeError is refused by name: no restart mends it. */
function pipelineOf<O extends ObservableInput<unknown>>(pipeline: O): O {
  if (!isObservableInput(pipeline))
    throw new InvalidConfigError(`mergeShards: expected project to return the shard's pipeline, got ${typeof pipeline}`);
  return pipeline;
}

function asShard(shard: Shard): Shard {
  if (isObservableInput(shard) && isObservableInput(shard.leaseLost$)) return shard;
  throw misplaced('mergeShards: expected a shard', shard, 'put it behind kinesisStream');
}

function noteCutShort({ notify, identity: { streamName, shardId }, ledger }: TrackedShard): void {
  notify({ type: 'pipelineCompleted', streamName, shardId, records: ledger.outstandingRecords });
}

function noteFailed(shard: Shard, error: unknown): void {
  const { streamName, shardId } = shard;
  trackedShardOf(shard)?.notify({ type: 'shardFailed', streamName, shardId, error });
}

/**
 * Whether an error says that it stays as it is. A stored checkpoint that cannot be understood stays so only until somebody
 * mends it: meanwhile it is no reason to end the other shards.
 */
function isFinalFor(error: unknown, tracked: TrackedShard | undefined): boolean {
  const isOfCheckpoint = isInvalidValue(error) && tracked?.isOpened === false;
  return isFinal(error) && !isOfCheckpoint;
}

/** Restarts a failed pipeline after a delay, as often as the policy allows. */
function restarting<T>(shard: Shard, policy: BackOff): MonoTypeOperatorFunction<T> {
  const { streamName, shardId } = shard;
  const tracked = trackedShardOf(shard);
  return retryWithBackOff({
    ...policy,
    // After records out of order the watermark may be past one that was not worked on: restarting from there would lose it.
    // What cannot pass is not tried again, nor is anything while the shard is to stop.
    shouldRetry: (error) => !isOutOfOrder(error) && !isFinalFor(error, tracked) && !tracked?.isStopping,
    notify: ({ attempt, delayMs, error }) => tracked?.notify({ type: 'shardRestarted', streamName, shardId, attempt, delayMs, error }),
    // There is no use in waiting for a shard that is to stop: restarted, it completes at once.
    hurry$: tracked?.stopping$ ?? NEVER,
  });
}

/**
 * Tells the shard that a pipeline runs, and how it ended. What leaves it unsettled is worked on further down: then the end of the
 * pipeline is not the end of the work. But if only blocks leave it, what is in none of them by then was dropped.
 */
function supervised<T>(tracked: TrackedShard | undefined): MonoTypeOperatorFunction<T> {
  if (!tracked) return identity;
  return (pipeline$) =>
    defer(() => {
      let leavesWork = false;
      let leavesRecords = false;
      const note = (value: T): void => {
        leavesWork ||= isUnsettled(value);
        leavesRecords ||= isDelivered(value);
      };
      tracked.beginPipeline();
      const watched$ = pipeline$.pipe(tap(note));
      const end = (completed: boolean): void => tracked.endPipeline({ completed, leavesWork, leavesRecords });
      return concat(
        watched$.pipe(onEnd((kind) => kind !== 'complete' && end(false))),
        // Only now is the shard unsubscribed, if the pipeline was what completed first.
        defer(() => {
          end(true);
          if (tracked.isCutShort) noteCutShort(tracked);
          return EMPTY;
        }),
      );
    });
}

import { asyncScheduler, Observable, type MonoTypeOperatorFunction, type Observer, type SchedulerLike } from 'rxjs';
import { CheckpointSchedule } from '../tracking/checkpoint-schedule.js';
import type { CheckpointStore } from '../checkpoints/checkpoint-store.js';
import { subscribeWithin } from '../internal/subscribe-within.js';
import { assertFunction, assertInteger, assertKnownFields, assertNumber, assertScheduler, type FieldsOf } from '../internal/validate.js';
import type { KinesisEvent } from '../monitoring/events.js';
import { failedWrites } from '../monitoring/failedWrites.js';
import { sinkOf } from '../monitoring/sinkOf.js';
import { InvalidConfigError } from '../values/errors.js';
import { isRanges, isRecord, misplaced } from '../tracking/misplaced.js';
import type { SequenceNumberRanges } from '../values/sequence-range.js';

/** How {@link checkpointEvery} writes. */
export interface CheckpointEveryConfig {
  /**
   * Where to write the checkpoints of blocks made by hand. For the shards of a source it must be the source's own.
   * @defaultValue the store of each shard's source; without one, blocks are only settled
   */
  readonly store?: CheckpointStore | undefined;
  /** How often a failed write is retried with back-off; after that it is tried again at the next tick. From 0 up. @defaultValue 10 */
  readonly maxRetries?: number | undefined;
  /** The bound of the first retry's delay, doubled with each retry, with full jitter; in ms. From 0 up. @defaultValue 1_000 */
  readonly retryDelayMs?: number | undefined;
  /**
   * Takes the events of blocks made by hand, or `'silent'`; the events of a shard's blocks go where its source sends them. Errors that the observer
   * throws are ignored. @defaultValue a failing checkpoint is written with `console.warn`, at most once a minute for each shard
   */
  readonly events?: Pick<Observer<KinesisEvent>, 'next'> | 'silent' | undefined;
  /** The scheduler of all timers, and the clock. @defaultValue asyncScheduler */
  readonly scheduler?: SchedulerLike | undefined;
  /** Returns a number from 0 up to 1, for the jitter. @defaultValue Math.random */
  readonly random?: (() => number) | undefined;
}

/**
 * Settles each block that passes, and every `intervalMs` writes the watermark of each shard, if it moved, to its store.
 *
 * @remarks
 * Its place in the pipeline decides what a checkpoint means: after the work, a checkpoint means *processed*. Blocks may arrive in any
 * order: the watermark is the end of the longest settled prefix, so a checkpoint never passes unfinished work, and it never goes back.
 * There is one write per shard at a time; it delays neither the blocks nor the other shards. A write that fails after all retries is tried
 * again at the next tick. SHARD_END is written when the end of the shard was read and all of it is settled.
 *
 * Emits each block at once, unchanged, and keeps none. When the source completes or errors, makes a last write and waits for it before it
 * propagates the notification; on unsubscription it starts a last write. Ticks come at multiples of `intervalMs` from the subscription,
 * and only while there is something to write.
 *
 * Errors: the source's; `CheckpointError` (or the store's own error, if it is of this package) when the last write fails after all
 * retries; `InvalidConfigError` for a value that is not a block, for a block made by hand without the option `store`, and for a shard whose
 * source has another store than the option. A lost lease is no error: it only ends the shard's checkpoints.
 *
 * @param intervalMs - the time between two writes of a shard, in ms. From 1 up; `Infinity` writes at the end only.
 * @throws InvalidConfigError when called with a number out of range, or with an invalid store.
 *
 * @example
 * ```ts
 * shard.pipe(bufferTime(200), withSequenceRanges(), concatMap((block) => save(block)), checkpointEvery(30_000));
 * ```
 */
export function checkpointEvery<T extends { readonly ranges: SequenceNumberRanges }>(
  intervalMs: number,
  config: CheckpointEveryConfig = {},
): MonoTypeOperatorFunction<T> {
  assertKnownFields(config, CHECKPOINTING_FIELDS);
  const { store, maxRetries = 10, retryDelayMs = 1_000, events, scheduler = asyncScheduler, random = Math.random } = config;
  assertNumber('intervalMs', intervalMs, 1, true);
  assertInteger('maxRetries', maxRetries, 0);
  assertNumber('retryDelayMs', retryDelayMs, 0);
  assertScheduler(scheduler);
  assertFunction('random', random);
  if (store && typeof store.write !== 'function') throw new InvalidConfigError('store: expected a CheckpointStore');

  const retry = { maxRetries, retryDelayMs, scheduler, random };
  const notify = sinkOf(events, scheduler, () => failedWrites(scheduler));

  return (source) =>
    new Observable((subscriber) => {
      const schedule = new CheckpointSchedule({ store, intervalMs, retry, notify });
      subscribeWithin(subscriber, source, {
        // Each block that passes is settled in the ledgers of its shards, which moves their watermarks: they are written at the ticks.
        next: (block) => {
          schedule.settle(rangesOf(block));
          subscriber.next(block);
        },
        // When the source ends, a last write is awaited.
        error: (error) => schedule.writeLast([error]).subscribe(subscriber),
        complete: () => {
          schedule.reportDropped();
          schedule.writeLast().subscribe(subscriber);
        },
      });
      // An unsubscription only starts it.
      subscriber.add(() => schedule.startLast());
    });
}

function rangesOf(block: { readonly ranges: SequenceNumberRanges } | undefined): SequenceNumberRanges {
  const ranges = block?.ranges;
  if (isRanges(ranges)) return ranges;
  const isTooEarly = Array.isArray(block) || isRecord(block);
  const advice = isTooEarly ? 'put withSequenceRanges before it, and pass on each block by itself' : 'return the block from your work';
  throw misplaced('checkpointEvery: expected a block, or an object with its ranges', block, advice);
}

/** The fields of a {@link CheckpointEveryConfig}. */
export const CHECKPOINTING_FIELDS: FieldsOf<CheckpointEveryConfig> = {
  store: true,
  maxRetries: true,
  retryDelayMs: true,
  events: true,
  scheduler: true,
  random: true,
};

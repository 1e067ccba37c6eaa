import { asyncScheduler, type OperatorFunction, type SchedulerLike } from 'rxjs';
import { MAX_TIMER_MS } from '../internal/delay.js';
import { assertInteger, assertKnownFields, assertScheduler } from '../internal/validate.js';
import { timedArrays } from './timed-arrays.js';

/** How {@link blockWithin} ends an array. */
export interface BlockWithinConfig {
  /** How many records an array has at most: with so many it ends at once. An integer from 1 up. @defaultValue Infinity */
  readonly maxRecords?: number | undefined;
  /** Every timer. @defaultValue asyncScheduler */
  readonly scheduler?: SchedulerLike | undefined;
}

/**
 * Collects records in an array, from the first one on until `ms` have passed: as `bufferTime`, but with a timer only while there is something
 * in the array.
 *
 * @remarks
 * `bufferTime(200)` runs five times a second for each shard and makes an array each time, whether or not records come. With this operator nothing runs while
 * a shard is silent, so that a process may have thousands of them; and it emits no empty arrays. No record waits for longer than `ms`.
 *
 * Loses nothing and keeps the order. It holds the records of one array, which count for `maxInFlightRecords` and `maxInFlightBytes`: see
 * {@link BlockWithinConfig.maxRecords}.
 *
 * A source that completes has its last array emitted first. An error is propagated at once, without the array that has begun, as `bufferTime` does:
 * `recoverFrom` re-reads those records. Unsubscribing drops it.
 *
 * @param ms - how long after its first record an array ends, in ms. An integer from 1 to 2 147 483 647, the longest delay of a timer.
 *
 * @throws InvalidConfigError when called with a number out of range, or with what is no scheduler.
 *
 * @example
 * ```ts
 * const blocks$ = shard.pipe(blockWithin(200), withSequenceRanges(), concatMap(work), checkpointEvery(30_000));
 * ```
 */
export function blockWithin<T>(ms: number, config: BlockWithinConfig = {}): OperatorFunction<T, T[]> {
  assertKnownFields(config, { maxRecords: true, scheduler: true });
  const { maxRecords = Infinity, scheduler = asyncScheduler } = config;
  assertInteger('ms', ms, 1, MAX_TIMER_MS);
  if (maxRecords !== Infinity) assertInteger('maxRecords', maxRecords, 1);
  assertScheduler(scheduler);
  return timedArrays({ delayMs: ms, scheduler, maxLength: maxRecords });
}

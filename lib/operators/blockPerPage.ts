import { asapScheduler, type OperatorFunction, type SchedulerLike } from 'rxjs';
import { assertKnownFields, assertScheduler } from '../internal/validate.js';
import { timedArrays } from './timed-arrays.js';

/** How {@link blockPerPage} waits. */
export interface BlockPerPageConfig {
  /** Schedules the end of each array, without a delay. @defaultValue asapScheduler */
  readonly scheduler?: SchedulerLike | undefined;
}

/**
 * Collects the records of each page in an array, and emits it at once: in place of `bufferTime(200)`, where that is too long to wait.
 *
 * @remarks
 * A shard emits the records of a page one after the other, without a pause. The array ends when that is over: the first record schedules its end
 * on `scheduler`, for as soon as the code that runs now has finished. So a page is never split, and pages are never joined, however fast they
 * come. Put it directly after the shard; what stands between must pass records on synchronously (`filter`, `tap`). After an operator that
 * delays each record, each one is an array of its own.
 *
 * Loses nothing and keeps the order. It holds one page at most, which is in memory anyway and counts for `maxInFlightRecords` and
 * `maxInFlightBytes`. Small pages make small blocks: at ten records a second, a block for each record.
 *
 * A source that completes has its last array emitted first. An error is propagated at once, without the array that has begun, as `bufferTime` does:
 * `recoverFrom` re-reads those records. Unsubscribing drops it.
 *
 * @throws InvalidConfigError when called with what is no scheduler.
 *
 * @example
 * ```ts
 * const blocks$ = shard.pipe(blockPerPage(), withSequenceRanges(), concatMap(work), checkpointEvery(30_000));
 * ```
 */
export function blockPerPage<T>(config: BlockPerPageConfig = {}): OperatorFunction<T, T[]> {
  assertKnownFields(config, { scheduler: true });
  const { scheduler = asapScheduler } = config;
  assertScheduler(scheduler);
  return timedArrays({ delayMs: 0, scheduler, maxLength: Infinity });
}

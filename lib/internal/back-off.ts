import {
  catchError,
  defer,
  merge,
  NEVER,
  observeOn,
  retry,
  type MonoTypeOperatorFunction,
  type Observable,
  type SchedulerLike,
} from 'rxjs';
import { countWithin } from './countWithin.js';
import { delayOf, fullJitter } from './delay.js';

/** How often, and after what delays, to try again: exponential back-off with full jitter. */
export interface BackOff {
  /** The number of retries before the error is propagated. From 0 up; `Infinity` for no limit. */
  readonly maxRetries: number;
  /** The bound of the first delay, doubled with each retry. */
  readonly initialDelayMs: number;
  /** The bound of every delay. */
  readonly maxDelayMs: number;
  /** The length of the sliding window in which errors are counted, in ms. @defaultValue Infinity */
  readonly resetAfterMs?: number;
  readonly scheduler: SchedulerLike;
  readonly random: () => number;
}

/** One retry that is about to be made. */
export interface RetryAttempt {
  /** How many errors there were within `resetAfterMs`, this one included. From 1 up. */
  readonly attempt: number;
  readonly delayMs: number;
  readonly error: unknown;
}

/** A {@link BackOff}, with the decisions and callbacks of whoever uses it. */
export interface RetryWithBackOffConfig extends BackOff {
  /** Whether to retry after this error; `'at once'` retries without a delay. @defaultValue always */
  readonly shouldRetry?: (error: unknown, attempt: number) => boolean | 'at once';
  /** Called with each retry, before its delay. */
  readonly notify?: (retry: RetryAttempt) => void;
  /** Ends a delay early when it emits. @defaultValue never */
  readonly hurry$?: Observable<unknown>;
}

/**
 * Re-subscribes to the source after an error, with a delay; propagates an error that is not to be retried, or that exceeds `maxRetries`.
 *
 * @remarks
 * Each subscription has its own count. The scheduler starts every retry, also one without a delay, so that a source that fails
 * synchronously any number of times does not grow the stack. If `shouldRetry` or `notify` throws, the result errors with that.
 * Unsubscribing during a delay leaves no timer behind.
 *
 * @param config - called with the first error of a subscription: what retries need is made only then, where there are a thousand shards and few fail.
 */
export function retryWithBackOff<T>(config: () => RetryWithBackOffConfig): MonoTypeOperatorFunction<T> {
  return (source) => source.pipe(catchError((first: unknown) => retriesAfter(first, source, config())));
}

/** What {@link retryWithBackOff} does after the first error. */
export function retriesAfter<T>(first: unknown, source: Observable<T>, config: RetryWithBackOffConfig): Observable<T> {
  const { maxRetries, initialDelayMs, maxDelayMs, resetAfterMs = Infinity, scheduler, random } = config;
  const { shouldRetry = () => true, notify, hurry$ = NEVER } = config;
  const countErrors = countWithin(resetAfterMs, scheduler);
  let hasFailed = false;

  const backOff = (error: unknown): Observable<unknown> => {
    const attempt = countErrors();
    const decision = attempt <= maxRetries && shouldRetry(error, attempt);
    if (!decision) throw error;
    const delayMs = decision === 'at once' ? 0 : fullJitter(attempt, initialDelayMs, maxDelayMs, random);
    notify?.({ attempt, delayMs, error });
    return merge(delayOf(delayMs, scheduler), hurry$.pipe(observeOn(scheduler)));
  };
  return defer(() => {
    if (hasFailed) return source;
    hasFailed = true;
    throw first;
  }).pipe(retry({ delay: backOff }));
}

import {
  defer,
  merge,
  NEVER,
  observeOn,
  retry,
  throwError,
  type MonoTypeOperatorFunction,
  type Observable,
  type SchedulerLike,
} from 'rxjs';
import { countWithin } from './countWithin.js';
import { delayOf, fullJitter } from './delay.js';

/** How often, and after what delays, to try again: exponential back-off with full jitter. */
export interface BackOff {
  /** Retries before the error goes on. From 0 up; `Infinity` for no end. */
  readonly maxRetries: number;
  /** The bound of the first delay, doubled with each retry. */
  readonly initialDelayMs: number;
  /** The bound of every delay. */
  readonly maxDelayMs: number;
  /** Errors are counted within a window of so long, which slides. @defaultValue Infinity */
  readonly resetAfterMs?: number;
  readonly scheduler: SchedulerLike;
  readonly random: () => number;
}

/** One retry that is about to be made. */
export interface RetryAttempt {
  /** From 1 up: how many errors there were within `resetAfterMs`. */
  readonly attempt: number;
  readonly delayMs: number;
  readonly error: unknown;
}

/** A {@link BackOff}, and what its user decides and hears. */
export interface RetryWithBackOffConfig extends BackOff {
  /** Whether to try again after this error; `'at once'` leaves out the delay of this one. @defaultValue always */
  readonly shouldRetry?: (error: unknown, attempt: number) => boolean | 'at once';
  /** Takes each retry before its delay. */
  readonly notify?: (retry: RetryAttempt) => void;
  /** Ends a delay early when it emits. @defaultValue never */
  readonly hurry$?: Observable<unknown>;
}

/**
 * Subscribes the source again after an error, after a delay; an error that is not to be retried, or one too many, goes on.
 *
 * @remarks
 * Each subscription counts for itself. Every retry begins from the scheduler, also one at once, so that any number of sources
 * that fail synchronously do not grow the stack. What `shouldRetry` or `notify` throws goes on as the error. Unsubscribing
 * during a delay leaves no timer behind.
 */
export function retryWithBackOff<T>(config: RetryWithBackOffConfig): MonoTypeOperatorFunction<T> {
  const { maxRetries, initialDelayMs, maxDelayMs, resetAfterMs = Infinity, scheduler, random } = config;
  const { shouldRetry = () => true, notify, hurry$ = NEVER } = config;

  return (source) =>
    defer(() => {
      const countErrors = countWithin(resetAfterMs, scheduler);

      const backOff = (error: unknown): Observable<unknown> => {
        const attempt = countErrors();
        const decision = attempt <= maxRetries && shouldRetry(error, attempt);
        if (!decision) return throwError(() => error);
        const delayMs = decision === 'at once' ? 0 : fullJitter(attempt, initialDelayMs, maxDelayMs, random);
        notify?.({ attempt, delayMs, error });
        return merge(delayOf(delayMs, scheduler), hurry$.pipe(observeOn(scheduler)));
      };
      return source.pipe(retry({ delay: backOff }));
    });
}

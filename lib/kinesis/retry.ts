import type { MonoTypeOperatorFunction, SchedulerLike } from 'rxjs';
import { retryWithBackOff, type RetryAttempt } from '../internal/back-off.js';
import { assertInteger, assertKnownFields, assertNumber } from '../internal/validate.js';
import { classify, type FaultKind } from './classify.js';

/** How calls to Kinesis are tried again: exponential back-off with full jitter. */
export interface RetryConfig {
  /** How often one call is tried again before its error goes on. From 0 up. @defaultValue 10 */
  readonly maxRetries?: number;
  /** The bound of the first delay, doubled with each retry. From 0 up. @defaultValue 100 */
  readonly initialDelayMs?: number;
  /** The bound of every delay. From 0 up. @defaultValue 10_000 */
  readonly maxDelayMs?: number;
}

/** A {@link RetryConfig} with its defaults, and the clock and the dice it uses. */
export interface RetryPolicy {
  readonly maxRetries: number;
  readonly initialDelayMs: number;
  readonly maxDelayMs: number;
  readonly scheduler: SchedulerLike;
  readonly random: () => number;
}

/** Fills in the defaults. @throws InvalidConfigError */
export function retryPolicy(config: RetryConfig, scheduler: SchedulerLike, random: () => number): RetryPolicy {
  assertKnownFields(config, { maxRetries: true, initialDelayMs: true, maxDelayMs: true }, 'retry');
  const { maxRetries = 10, initialDelayMs = 100, maxDelayMs = 10_000 } = config;
  assertInteger('retry.maxRetries', maxRetries, 0);
  assertNumber('retry.initialDelayMs', initialDelayMs, 0);
  assertNumber('retry.maxDelayMs', maxDelayMs, 0);
  return { maxRetries, initialDelayMs, maxDelayMs, scheduler, random };
}

/** What is known when a call is about to be tried again. */
export interface RetryNotice extends RetryAttempt {
  readonly reason: Exclude<FaultKind, 'fatal'>;
}

/** Subscribes again after an error that passes; any other, or one too many, goes on. */
export function retryFaults<T>(policy: RetryPolicy, notice: (notice: RetryNotice) => void): MonoTypeOperatorFunction<T> {
  return retryWithBackOff({
    ...policy,
    shouldRetry: (error, attempt) => {
      const kind = classify(error);
      // A new iterator is no burden on the shard that failed: only a second try in a row has to wait.
      if (kind === 'iterator' && attempt === 1) return 'at once';
      return kind !== 'fatal';
    },
    notify: (retry) => notice({ reason: classify(retry.error) as RetryNotice['reason'], ...retry }),
  });
}

import type { MonoTypeOperatorFunction, SchedulerLike } from 'rxjs';
import { retryWithBackOff, type RetryAttempt, type RetryWithBackOffConfig } from '../internal/back-off.js';
import { assertInteger, assertKnownFields, assertNumber } from '../internal/validate.js';
import { classify, type FaultKind } from './classify.js';

/** How failed calls to Kinesis are retried: exponential back-off with full jitter. */
export interface RetryConfig {
  /** How often one call is retried before its error is propagated. From 0 up. @defaultValue 10 */
  readonly maxRetries?: number | undefined;
  /** The bound of the first delay, doubled with each retry, in ms. From 0 up. @defaultValue 100 */
  readonly initialDelayMs?: number | undefined;
  /** The bound of every delay, in ms. From 0 up. @defaultValue 10_000 */
  readonly maxDelayMs?: number | undefined;
}

/** A {@link RetryConfig} with its defaults, and the scheduler and random numbers that it uses. */
export interface RetryPolicy {
  /** How often one call is retried. */
  readonly maxRetries: number;
  /** The bound of the first delay, doubled with each retry, in ms. */
  readonly initialDelayMs: number;
  /** The bound of every delay, in ms. */
  readonly maxDelayMs: number;
  /** The scheduler of the delays. */
  readonly scheduler: SchedulerLike;
  /** Returns a number from 0 up to 1, for the jitter. */
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

/** A retry that is about to be made, and its reason. */
export interface RetryNotice extends RetryAttempt {
  readonly reason: Exclude<FaultKind, 'fatal'>;
}

/** Re-subscribes after an error that may pass; propagates any other error, and the one after the last retry. */
export function retryFaults<T>(policy: RetryPolicy, notice: (notice: RetryNotice) => void): MonoTypeOperatorFunction<T> {
  return retryWithBackOff(() => faultRetries(policy, notice));
}

/** The decisions of {@link retryFaults}. */
export function faultRetries(policy: RetryPolicy, notice: (notice: RetryNotice) => void): RetryWithBackOffConfig {
  return {
    ...policy,
    shouldRetry: (error, attempt) => {
      const kind = classify(error);
      // To open a new iterator needs no delay: only a second retry in a row has to wait.
      if (kind === 'iterator' && attempt === 1) return 'at once';
      return kind !== 'fatal';
    },
    notify: (retry) => notice({ reason: classify(retry.error) as RetryNotice['reason'], ...retry }),
  };
}

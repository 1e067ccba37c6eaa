import { assertKnownFields, assertNumber, assertPositive } from '../internal/validate.js';
import type { RateEstimator, SettledBatch } from './rate-estimator.js';

/** The gains and the floor of {@link pid}. */
export interface PidConfig {
  /** The weight of the difference between the rate and what is processed. From 0 up. @defaultValue 1 */
  readonly proportional?: number | undefined;
  /** The weight of the backlog. From 0 up. @defaultValue 0.2 */
  readonly integral?: number | undefined;
  /** The weight of the change of that difference. From 0 up. @defaultValue 0 */
  readonly derived?: number | undefined;
  /** The least rate, in records a second and shard. Above 0. @defaultValue 100 */
  readonly minRate?: number | undefined;
  /** The least time between two estimates, and the time in which a backlog is to be worked off, in ms. From 1 up. @defaultValue 1_000 */
  readonly intervalMs?: number | undefined;
}

/**
 * Estimates rates as the PID controller of Spark Streaming's back-pressure does.
 *
 * @remarks
 * With each batch: the rate, less `proportional` times what it is above the processing rate, less `integral` times the records a second that the present
 * backlog is worth (`schedulingMs · processing rate / intervalMs`), less `derived` times the change of the first difference in a second; at least
 * `minRate`. The first batch only sets the start. With `proportional` 1 and no other gain, the rate is the processing rate.
 *
 * Source: Apache Spark, `PIDRateEstimator`, whose keys are `spark.streaming.backpressure.pid.*`. There the interval is that of the batches.
 *
 * @throws InvalidConfigError when called with a number out of range.
 *
 * @example
 * ```ts
 * kinesisStream({ client, streamName: 'flights', startFrom: 'LATEST', maxRate: 5_000, rateEstimator: pid({ minRate: 50 }) });
 * ```
 */
export function pid(config: PidConfig = {}): RateEstimator {
  assertKnownFields(config, { proportional: true, integral: true, derived: true, minRate: true, intervalMs: true }, 'pid');
  const { proportional = 1, integral = 0.2, derived = 0, minRate = 100, intervalMs = 1_000 } = config;
  assertNumber('pid.proportional', proportional, 0);
  assertNumber('pid.integral', integral, 0);
  assertNumber('pid.derived', derived, 0);
  assertPositive('pid.minRate', minRate);
  assertNumber('pid.intervalMs', intervalMs, 1);
  const gains = { proportional, integral, derived, minRate, intervalMs };
  return { intervalMs, start: () => controller(gains) };
}

/** One controller: for one shard. */
function controller({ proportional, integral, derived, minRate, intervalMs }: Required<PidConfig>): ReturnType<RateEstimator['start']> {
  let latest: { readonly atMs: number; readonly rate: number; readonly error: number } | undefined;
  return ({ atMs, records, processingMs, schedulingMs }: SettledBatch) => {
    if (records <= 0 || processingMs <= 0 || (latest && atMs <= latest.atMs)) return undefined;
    const processingRate = (records / processingMs) * 1_000;
    if (!latest) {
      latest = { atMs, rate: processingRate, error: 0 };
      return undefined;
    }
    const error = latest.rate - processingRate;
    const backlog = (schedulingMs * processingRate) / intervalMs;
    const change = ((error - latest.error) / (atMs - latest.atMs)) * 1_000;
    const rate = Math.max(latest.rate - proportional * error - integral * backlog - derived * change, minRate);
    latest = { atMs, rate, error };
    return rate;
  };
}

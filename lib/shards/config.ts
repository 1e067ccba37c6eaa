import { ReplaySubject, share, take, type Observable, type ObservableInput } from 'rxjs';
import { isLeasing, type CheckpointStore } from '../checkpoints/checkpoint-store.js';
import { notifierOf } from '../internal/notifierOf.js';
import { assertFunction, assertInteger, assertMade, assertNumber, assertPositive, type FieldsOf } from '../internal/validate.js';
import { resolveStream, type ResolvedStream, type StreamConfig } from '../kinesis/stream-id.js';
import type { CreditLimits } from '../ledger/credit.js';
import type { EventSink } from '../monitoring/events.js';
import { KINESIS_FIELDS, resolveKinesis, type KinesisConfig, type ResolvedKinesisConfig } from '../readers/config.js';
import { polling } from '../readers/polling.js';
import type { Reader } from '../readers/reader.js';
import type { RateEstimator } from '../rates/rate-estimator.js';
import { InvalidConfigError } from '../values/errors.js';
import { AT_TIMESTAMP, type InitialPosition } from '../values/position.js';
import { shown } from '../values/shown.js';
import type { RateConfig } from './shard-rate.js';

/**
 * Where to begin a shard that has no checkpoint, and no parent that was read. `'TRIM_HORIZON'`: at the oldest record that Kinesis holds; `'LATEST'`:
 * at what arrives from the subscription on; a `Date`: at the first record that arrived at that time or later.
 */
export type StartPosition = 'TRIM_HORIZON' | 'LATEST' | Date;

/** How to read the shards of a stream. `kinesisStream` and `kinesisShard` share these options. */
export type ShardReadingConfig = ShardReadingOptions & StreamConfig;

/** How to read shards, whatever their stream. */
export interface ShardReadingOptions extends KinesisConfig {
  /**
   * Where to begin a shard that has no checkpoint, and no parent that was read. `'LATEST'` means the time of the subscription, by this
   * machine's clock (put back if Kinesis says that it has not come), also when the shard is read later or again; with a
   * lease table that of the worker that made the shard's row. `kinesisShard` takes the time of its first subscription. There is no default: each choice loses or repeats something.
   */
  readonly startFrom: StartPosition;
  /** Where checkpoints are kept. Without a store, the process loses its progress at its end. */
  readonly store?: CheckpointStore | undefined;
  /** How shards are read. @defaultValue polling() */
  readonly reader?: Reader | undefined;
  /** `'low'` stands for `reader: polling({ latency: 'low' })`: for the only consumer of a stream; it needs the default `reader`. @defaultValue none */
  readonly latency?: 'low' | undefined;
  /**
   * A notifier, or an `AbortSignal`: when it emits (or is aborted, also before the subscription), shards complete, pipelines drain, and the
   * records that were read are settled and checkpointed. When it errors, so does the source.
   */
  readonly stop?: ObservableInput<unknown> | AbortSignal | undefined;
  /**
   * How long draining, the last writes and the releases may take after `stop`, in ms; then the stream errors with a `StopTimeoutError`
   * that names the open shards. At any time a failing release of a lease is retried for four fifths of it. From 1 up; `Infinity` for no limit.
   * @defaultValue 25_000 (Kubernetes kills 30 s after SIGTERM)
   */
  readonly stopTimeoutMs?: number | undefined;
  /** How many records of a shard may be delivered and not settled before its reader pauses. From 1 up. @defaultValue 10_000 */
  readonly maxInFlightRecords?: number | undefined;
  /** The same limit in payload bytes. From 1 up. @defaultValue 16_777_216 */
  readonly maxInFlightBytes?: number | undefined;
  /**
   * How many records a second of a shard are read at most: user records, where KPL aggregates are taken apart. A read asks for those of a second at
   * most. Above 0. @defaultValue no limit
   */
  readonly maxRate?: number | undefined;
  /**
   * Adapts the rate of each shard to what its pipeline settles, for example `pid()`; `maxRate` stays the limit. Without it, credit alone bounds what is
   * in flight. @defaultValue none
   */
  readonly rateEstimator?: RateEstimator | undefined;
}

/** A {@link ShardReadingConfig} checked, with its defaults. */
export interface ResolvedShardConfig extends ResolvedKinesisConfig {
  readonly stream: ResolvedStream;
  readonly startFrom: StartPosition;
  readonly store: CheckpointStore | undefined;
  readonly reader: Reader;
  readonly stop$: Observable<unknown>;
  readonly stopTimeoutMs: number;
  readonly limits: CreditLimits;
  /** `undefined` when neither `maxRate` nor `rateEstimator` is given. */
  readonly rates: RateConfig | undefined;
}

/** The part of `stopTimeoutMs` for which a stop waits for what does no harm if it fails: after it the stop still ends in time. */
export const PATIENCE = 0.8;

/** Checks the options that the sources of shards share. @throws InvalidConfigError */
export function resolveShardConfig(config: ShardReadingConfig): ResolvedShardConfig {
  const { startFrom, store, stop, stopTimeoutMs = 25_000 } = config;
  const isDate = startFrom instanceof Date && !Number.isNaN(startFrom.getTime());
  if (!isDate && startFrom !== 'TRIM_HORIZON' && startFrom !== 'LATEST') {
    throw new InvalidConfigError(
      `startFrom: expected 'TRIM_HORIZON', 'LATEST' or a Date, got ${startFrom instanceof Date ? 'an invalid Date' : shown(startFrom)}`,
    );
  }
  assertNumber('stopTimeoutMs', stopTimeoutMs, 1, true);
  if (store && (typeof store.read !== 'function' || typeof store.write !== 'function')) {
    throw new InvalidConfigError('store: expected a CheckpointStore with read and write');
  }
  const kinesis = resolveKinesis(config);
  return {
    ...kinesis,
    notify: isToldByStore(config) ? withoutLosses(kinesis.notify) : kinesis.notify,
    stream: resolveStream(config),
    startFrom,
    store,
    reader: readerOf(config),
    stop$: notifierOf('stop', stop),
    stopTimeoutMs,
    limits: limitsOf(config),
    rates: ratesOf(config),
  };
}

/** The config for one reading: all who listen to its `stop$` share one subscription to the notifier, and hear also what it has emitted before. */
export function withSharedStop(config: ResolvedShardConfig): ResolvedShardConfig {
  const replaying = { connector: () => new ReplaySubject<unknown>(1), resetOnComplete: false };
  return { ...config, stop$: config.stop$.pipe(take(1), share(replaying)) };
}

function readerOf({ reader, latency }: ShardReadingConfig): Reader {
  if (reader === undefined) return polling({ latency });
  assertFunction('reader', reader);
  if (latency !== undefined) throw new InvalidConfigError("latency: belongs to the reader, which is given: polling({ latency: 'low' })");
  return reader;
}

function limitsOf({ maxInFlightRecords = 10_000, maxInFlightBytes = 16 * 1024 * 1024 }: ShardReadingConfig): CreditLimits {
  assertInteger('maxInFlightRecords', maxInFlightRecords, 1);
  assertInteger('maxInFlightBytes', maxInFlightBytes, 1);
  return { maxInFlightRecords, maxInFlightBytes };
}

function ratesOf({ maxRate, rateEstimator }: ShardReadingConfig): RateConfig | undefined {
  if (maxRate === undefined && rateEstimator === undefined) return undefined;
  if (maxRate !== undefined) assertPositive('maxRate', maxRate);
  if (rateEstimator !== undefined) {
    assertMade('rateEstimator', rateEstimator, 'start', 'pid()');
    assertNumber('rateEstimator.intervalMs', rateEstimator.intervalMs, 0);
  }
  return { maxRate: maxRate ?? Infinity, rateEstimator };
}

function isToldByStore({ events, store }: ShardReadingConfig): boolean {
  return events === undefined && isLeasing(store) && store.tellsOfLosses === true;
}

/** A lost lease is one line of the console: that of the store, which knows why. */
function withoutLosses(notify: EventSink): EventSink {
  return (event) => {
    if (event.type !== 'shardReleased' || event.reason !== 'lost') notify(event);
  };
}

/** The fields of a {@link ShardReadingConfig}. */
export const SHARD_READING_FIELDS: FieldsOf<ShardReadingConfig> = {
  ...KINESIS_FIELDS,
  streamName: true,
  streamARN: true,
  startFrom: true,
  store: true,
  reader: true,
  latency: true,
  stop: true,
  stopTimeoutMs: true,
  maxInFlightRecords: true,
  maxInFlightBytes: true,
  maxRate: true,
  rateEstimator: true,
};

/** The sentinel for the row of a shard that has neither a row nor a parent in view. */
export function initialPositionOf({ startFrom }: Pick<ResolvedShardConfig, 'startFrom'>): InitialPosition {
  return startFrom instanceof Date ? AT_TIMESTAMP : startFrom;
}

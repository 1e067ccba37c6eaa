import { asyncScheduler, type ObservableInput, type Observer, type SchedulerLike } from 'rxjs';
import type { CheckpointStore } from '../checkpoints/checkpoint-store.js';
import { assertFunction, assertInteger, assertMethod } from '../internal/validate.js';
import { polling, type Reader } from '../kinesis/polling.js';
import type { KinesisPort } from '../kinesis/port.js';
import { readBudget, type ReadBudget } from '../kinesis/read-budget.js';
import type { GapPolicy, ReadContext } from '../kinesis/reading.js';
import { retryPolicy, type RetryConfig, type RetryPolicy } from '../kinesis/retry.js';
import { portOf, type KinesisClientLike } from '../kinesis/sdk-port.js';
import { resolveStream, type ResolvedStream, type StreamConfig } from '../kinesis/stream-id.js';
import type { CreditLimits } from '../ledger/credit.js';
import type { EventSink, KinesisEvent } from '../monitoring/events.js';
import { InvalidConfigError } from '../values/errors.js';

/** Where to begin a shard that has neither a checkpoint nor a parent that was read. */
export type StartPosition = 'TRIM_HORIZON' | 'LATEST' | Date;

/** How to reach Kinesis: common to all sources. */
export interface KinesisConfig {
  /** A `KinesisClient` of `@aws-sdk/client-kinesis`, or a {@link KinesisPort}. */
  readonly client: KinesisClientLike | KinesisPort;
  /** How calls are tried again. */
  readonly retry?: RetryConfig;
  /**
   * What may be read of each shard in a second. Give one {@link readBudget} to all sources of a process that read one
   * stream. @defaultValue a budget of its own: 5 reads and 2 MiB a second and shard
   */
  readonly budget?: ReadBudget;
  /**
   * What to do when records that should be there are past the stream's retention: `'fail'` with a `RangeExpiredError`,
   * `'continue'` with the next that is there and a `gap` event, or a function that decides. @defaultValue 'fail'
   */
  readonly onGap?: GapPolicy;
  /** Takes a {@link KinesisEvent} for everything noteworthy. What it throws is ignored. */
  readonly events?: Pick<Observer<KinesisEvent>, 'next'>;
  /** Every timer and clock. @defaultValue asyncScheduler */
  readonly scheduler?: SchedulerLike;
  /** A number from 0 up to 1, for the jitter of delays. @defaultValue Math.random */
  readonly random?: () => number;
}

/** How to read shards: common to `kinesisStream` and `kinesisShard`. */
export interface ShardReadingConfig extends KinesisConfig, StreamConfig {
  /**
   * Where to begin a shard that has no checkpoint and no parent in view. `'LATEST'` means the first moment at which the
   * shard was seen, by this machine's clock, and stays that. There is no default: each choice loses or repeats something.
   */
  readonly startFrom: StartPosition;
  /** Where checkpoints are kept. Without one, progress ends with the process. */
  readonly store?: CheckpointStore;
  /** How shards are read. @defaultValue polling() */
  readonly reader?: Reader;
  /** A notifier: when it emits, shards complete, pipelines drain, and what was read is settled and checkpointed. */
  readonly stop?: ObservableInput<unknown>;
  /** Records of a shard that may be delivered and not settled before its reader pauses. From 1 up. @defaultValue 10_000 */
  readonly maxInFlightRecords?: number;
  /** The same in payload bytes. From 1 up. @defaultValue 16_777_216 */
  readonly maxInFlightBytes?: number;
}

/** A {@link KinesisConfig} checked, with its defaults. */
export interface KinesisMeans {
  readonly port: KinesisPort;
  readonly retry: RetryPolicy;
  readonly budget: ReadBudget;
  readonly onGap: GapPolicy;
  readonly notify: EventSink;
  readonly scheduler: SchedulerLike;
  readonly random: () => number;
}

/** A {@link ShardReadingConfig} checked, with its defaults. */
export interface ShardReading extends KinesisMeans {
  readonly stream: ResolvedStream;
  readonly startFrom: StartPosition;
  readonly store: CheckpointStore | undefined;
  readonly reader: Reader;
  readonly stop: ObservableInput<unknown> | undefined;
  readonly limits: CreditLimits;
}

/** Checks the fields common to all sources. @throws InvalidConfigError */
export function resolveKinesis(config: KinesisConfig): KinesisMeans {
  const { client, retry = {}, budget = readBudget(), onGap = 'fail', events, scheduler = asyncScheduler, random = Math.random } = config;
  if (typeof onGap !== 'function' && onGap !== 'fail' && onGap !== 'continue') {
    throw new InvalidConfigError(`onGap: expected 'fail', 'continue' or a function, got ${String(onGap)}`);
  }
  assertMethod('budget', budget, 'acquire');
  assertMethod('scheduler', scheduler, 'now');
  assertFunction('random', random);
  if (events) assertMethod('events', events, 'next');
  const policy = retryPolicy(retry, scheduler, random);
  return { port: portOf(client), retry: policy, budget, onGap, notify: sinkOf(events), scheduler, random };
}

/** Checks the fields common to the sources of shards. @throws InvalidConfigError */
export function resolveShardReading(config: ShardReadingConfig): ShardReading {
  const { startFrom, store, reader = polling(), stop, maxInFlightRecords = 10_000, maxInFlightBytes = 16 * 1024 * 1024 } = config;
  const isDate = startFrom instanceof Date && !Number.isNaN(startFrom.getTime());
  if (!isDate && startFrom !== 'TRIM_HORIZON' && startFrom !== 'LATEST') {
    throw new InvalidConfigError(`startFrom: expected 'TRIM_HORIZON', 'LATEST' or a Date, got ${String(startFrom)}`);
  }
  assertFunction('reader', reader);
  assertInteger('maxInFlightRecords', maxInFlightRecords, 1);
  assertInteger('maxInFlightBytes', maxInFlightBytes, 1);
  if (store && (typeof store.read !== 'function' || typeof store.write !== 'function')) {
    throw new InvalidConfigError('store: expected a CheckpointStore with read and write');
  }
  const limits = { maxInFlightRecords, maxInFlightBytes };
  return { ...resolveKinesis(config), stream: resolveStream(config), startFrom, store, reader, stop, limits };
}

/** The names of the fields of a {@link KinesisConfig}. */
export const KINESIS_FIELDS = ['client', 'retry', 'budget', 'onGap', 'events', 'scheduler', 'random'];

/** The names of the fields of a {@link ShardReadingConfig}. */
export const SHARD_READING_FIELDS = [
  ...KINESIS_FIELDS,
  ...['streamName', 'streamARN', 'startFrom', 'store', 'reader', 'stop', 'maxInFlightRecords', 'maxInFlightBytes'],
];

/** What reading one shard of `stream` needs. */
export function readContext(means: KinesisMeans, stream: ResolvedStream, shardId: string): ReadContext {
  const { port, budget, retry, scheduler, onGap, notify } = means;
  return { stream, shardId, port, budget, retry, scheduler, onGap, notify };
}

/** Hands events on; an observer that throws must not stop the reading. */
function sinkOf(events: Pick<Observer<KinesisEvent>, 'next'> | undefined): EventSink {
  if (!events) return () => undefined;
  return (event) => {
    try {
      events.next(event);
    } catch {
      // The observer's own fault: reported to nobody, as documented.
    }
  };
}

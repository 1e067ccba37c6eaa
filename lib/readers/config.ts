import { asyncScheduler, type Observer, type SchedulerLike } from 'rxjs';
import { ClientPlace } from '../internal/client-place.js';
import { FirstContact } from '../internal/first-contact.js';
import { assertFunction, assertMade, assertNumber, assertScheduler, type FieldsOf } from '../internal/validate.js';
import type { KinesisPort } from '../kinesis/port.js';
import { readBudget, type ReadBudget } from '../kinesis/read-budget.js';
import { retryPolicy, type RetryConfig, type RetryPolicy } from '../kinesis/retry.js';
import { watchedCalls, watchedPort, type WatchedCall } from '../kinesis/watched-port.js';
import { portOf, type KinesisClientLike } from '../kinesis/sdk-port.js';
import type { ResolvedStream } from '../kinesis/stream-id.js';
import type { PayloadPlacement } from '../kinesis/wire/page-payloads.js';
import { resolveWire, type WireConfig } from '../kinesis/wire/wire-config.js';
import type { EventSink, KinesisEvent } from '../monitoring/events.js';
import { eventSink } from '../monitoring/eventSink.js';
import { InvalidConfigError } from '../values/errors.js';
import { shown } from '../values/shown.js';
import type { GapPolicy, ReadContext } from './reader.js';

/** How to reach Kinesis and read from it. All sources share these options. */
export interface KinesisConfig extends WireConfig {
  /** A `KinesisClient` of `@aws-sdk/client-kinesis`, or a {@link KinesisPort}. */
  readonly client: KinesisClientLike | KinesisPort;
  /** How failed calls are retried. */
  readonly retry?: RetryConfig | undefined;
  /**
   * How much may be read of each shard in a second. Give one {@link readBudget} to all sources of a process that read the same
   * stream. @defaultValue a budget of its own: 5 reads and 2 MiB a second and shard
   */
  readonly budget?: ReadBudget | undefined;
  /**
   * What to do when Kinesis no longer holds records that should be read: `'fail'` errors with a `RangeExpiredError`,
   * `'continue'` emits a `gap` event and reads on at the next record, or a function decides. @defaultValue 'fail'
   */
  readonly onGap?: GapPolicy | undefined;
  /**
   * Whether to take KPL aggregates apart into all their user records, also those whose hash key lies outside the shard's range; `false`
   * emits aggregates as they are. Read ranges and checkpoints with the same value with which they were made. @defaultValue true
   */
  readonly deaggregate?: boolean | undefined;
  /**
   * Takes the {@link KinesisEvent}s, or `'silent'`. Its errors and rejections are ignored.
   * @defaultValue warnings and errors are written with `console.warn`, at most once a minute for each kind and shard
   */
  readonly events?: Pick<Observer<KinesisEvent>, 'next'> | 'silent' | undefined;
  /**
   * How long a call to Kinesis or to the store may take, in ms, before it counts as failed and is retried. From 1 up; `Infinity`
   * for no limit. @defaultValue 30_000
   */
  readonly requestTimeoutMs?: number | undefined;
  /** The scheduler of all timers, and the clock. @defaultValue asyncScheduler */
  readonly scheduler?: SchedulerLike | undefined;
  /** Returns a number from 0 up to 1, for the jitter of delays. @defaultValue Math.random */
  readonly random?: (() => number) | undefined;
}

/** A {@link KinesisConfig} checked, with its defaults. */
export interface ResolvedKinesisConfig {
  /** As it was given. */
  readonly client: KinesisClientLike | KinesisPort;
  readonly port: KinesisPort;
  readonly watched: WatchedCall;
  readonly retry: RetryPolicy;
  readonly budget: ReadBudget;
  readonly onGap: GapPolicy;
  readonly deaggregate: boolean;
  readonly payloads: PayloadPlacement;
  readonly requestTimeoutMs: number;
  /** Whether the store has answered yet. */
  readonly storeContact: FirstContact;
  readonly notify: EventSink;
  readonly scheduler: SchedulerLike;
  readonly random: () => number;
}

/** Checks the fields common to all sources. @throws InvalidConfigError */
export function resolveKinesis(config: KinesisConfig): ResolvedKinesisConfig {
  const { client, retry = {}, budget = readBudget(), onGap = 'fail', deaggregate = true, events } = config;
  const { requestTimeoutMs = 30_000, scheduler = asyncScheduler, random = Math.random } = config;
  if (typeof onGap !== 'function' && onGap !== 'fail' && onGap !== 'continue') {
    throw new InvalidConfigError(`onGap: expected 'fail', 'continue' or a function, got ${shown(onGap)}`);
  }
  if (typeof deaggregate !== 'boolean') throw new InvalidConfigError(`deaggregate: expected true or false, got ${shown(deaggregate)}`);
  for (const method of ['acquire', 'spend', 'forget']) assertMade('budget', budget, method, 'readBudget()');
  assertScheduler(scheduler);
  assertFunction('random', random);
  assertNumber('requestTimeoutMs', requestTimeoutMs, 1, true);
  const notify = eventSink(events, scheduler);
  const contact = new FirstContact('Kinesis', scheduler, new ClientPlace(client));
  const watched = watchedCalls({ requestTimeoutMs, scheduler, contact });
  const wire = resolveWire(config);
  const port = watchedPort(portOf(client, { ...wire, notify }), watched, scheduler);
  const storeContact = new FirstContact('the store', scheduler);
  const policy = retryPolicy(retry, scheduler, random);
  const { payloads } = wire;
  return {
    ...{ client, port, watched, retry: policy, budget, onGap, deaggregate, payloads },
    ...{ requestTimeoutMs, storeContact, notify, scheduler, random },
  };
}

/** The fields of a {@link KinesisConfig}. */
export const KINESIS_FIELDS: FieldsOf<KinesisConfig> = {
  client: true,
  retry: true,
  budget: true,
  onGap: true,
  deaggregate: true,
  requestTimeoutMs: true,
  events: true,
  scheduler: true,
  random: true,
  wire: true,
  payloads: true,
};

/** Makes the context for reading one shard of `stream`. */
export function readContext(config: ResolvedKinesisConfig, stream: ResolvedStream, shardId: string, isLean = false): ReadContext {
  const { client, port, watched, budget, retry, scheduler, random, onGap, deaggregate, payloads, notify } = config;
  return { stream, shardId, client, port, watched, budget, retry, scheduler, random, onGap, deaggregate, payloads, notify, isLean };
}

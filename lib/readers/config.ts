import { asyncScheduler, type Observer, type SchedulerLike } from 'rxjs';
import { FirstContact } from '../internal/first-contact.js';
import { assertFunction, assertMethod, assertNumber, type FieldsOf } from '../internal/validate.js';
import type { KinesisPort } from '../kinesis/port.js';
import { readBudget, type ReadBudget } from '../kinesis/read-budget.js';
import { retryPolicy, type RetryConfig, type RetryPolicy } from '../kinesis/retry.js';
import { watchedPort } from '../kinesis/watched-port.js';
import { portOf, type KinesisClientLike } from '../kinesis/sdk-port.js';
import type { ResolvedStream } from '../kinesis/stream-id.js';
import { resolveWire, type WireConfig } from '../kinesis/wire/wire-config.js';
import type { EventSink, KinesisEvent } from '../monitoring/events.js';
import { InvalidConfigError } from '../values/errors.js';
import type { GapPolicy, ReadContext } from './reader.js';

/** How to reach Kinesis: common to all sources. */
export interface KinesisConfig extends WireConfig {
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
  /**
   * Whether KPL aggregates are taken apart into their user records, all of them, also those whose hash key lies outside of the shard; `false`
   * emits aggregates as they are. Ranges and checkpoints are to be read as they were made. @defaultValue true
   */
  readonly deaggregate?: boolean;
  /** Takes a {@link KinesisEvent} for everything noteworthy. What it throws is ignored. */
  readonly events?: Pick<Observer<KinesisEvent>, 'next'>;
  /**
   * How long a call to Kinesis or to the store may take, in ms, before it counts as failed and is tried again. From 1 up; `Infinity`
   * for no limit. @defaultValue 30_000
   */
  readonly requestTimeoutMs?: number;
  /** Every timer and clock. @defaultValue asyncScheduler */
  readonly scheduler?: SchedulerLike;
  /** A number from 0 up to 1, for the jitter of delays. @defaultValue Math.random */
  readonly random?: () => number;
}

/** A {@link KinesisConfig} checked, with its defaults. */
export interface ResolvedKinesisConfig {
  readonly port: KinesisPort;
  readonly retry: RetryPolicy;
  readonly budget: ReadBudget;
  readonly onGap: GapPolicy;
  readonly deaggregate: boolean;
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
    throw new InvalidConfigError(`onGap: expected 'fail', 'continue' or a function, got ${String(onGap)}`);
  }
  if (typeof deaggregate !== 'boolean') throw new InvalidConfigError(`deaggregate: expected true or false, got ${String(deaggregate)}`);
  assertMethod('budget', budget, 'acquire');
  assertMethod('scheduler', scheduler, 'now');
  assertFunction('random', random);
  if (events) assertMethod('events', events, 'next');
  assertNumber('requestTimeoutMs', requestTimeoutMs, 1, true);
  const notify = sinkOf(events);
  const contact = new FirstContact('Kinesis', scheduler);
  const port = watchedPort(portOf(client, { ...resolveWire(config), notify }), { requestTimeoutMs, scheduler, contact });
  const storeContact = new FirstContact('the store', scheduler);
  const policy = retryPolicy(retry, scheduler, random);
  return { port, retry: policy, budget, onGap, deaggregate, requestTimeoutMs, storeContact, notify, scheduler, random };
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

/** What reading one shard of `stream` needs. */
export function readContext(config: ResolvedKinesisConfig, stream: ResolvedStream, shardId: string): ReadContext {
  const { port, budget, retry, scheduler, onGap, deaggregate, notify } = config;
  return { stream, shardId, port, budget, retry, scheduler, onGap, deaggregate, notify };
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

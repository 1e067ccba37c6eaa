import type { Observable, Subscription } from 'rxjs';
import { assertMethod } from '../internal/validate.js';
import { ByShard } from '../monitoring/by-shard.js';
import type { KinesisEvent } from '../monitoring/events.js';
import { shownError } from '../monitoring/shown-error.js';
import type { ShardName } from '../values/shard-id.js';
import type { MeterLike, MetricAttributes, ObservableCallbackLike, ObservableInstrumentLike } from './meter.js';

/**
 * Exports what a consumer does as metrics of OpenTelemetry.
 *
 * @remarks
 * Subscribes to the events at once, until they end or the returned subscription is unsubscribed; then nothing is observed any more. Loses nothing and
 * buffers nothing; has no timer, since the reader of the meter decides when to collect. Keeps one small object for each shard that is read here, and none for one that is released.
 *
 * The metrics are in the table of its page. Their attributes are the names of the stream and of the shard (`messaging.destination.name`,
 * `messaging.destination.partition.id`), and no more than a few words: never a payload, a partition key, a message of an error, or the id of a block. With very many shards, drop the
 * shard by a view of the SDK.
 *
 * Errors of the events are not handled: RxJS reports them to the host.
 *
 * @param events$ - as given to the source as `events`.
 * @param meter - of `@opentelemetry/api`: `metrics.getMeter('flights')`. It is called at once, once for each instrument.
 * @returns the subscription to the events.
 * @throws InvalidConfigError when called with what is no Observable, or no meter.
 *
 * @example
 * ```ts
 * const events = new Subject<KinesisEvent>();
 * exportMetrics(events, metrics.getMeter('flights-consumer'));
 * const shards$ = kinesisStream({ client, streamName: 'flights', startFrom: 'LATEST', store, events });
 * ```
 */
export function exportMetrics(events$: Observable<KinesisEvent>, meter: MeterLike): Subscription {
  assertMethod('events$', events$, 'subscribe');
  for (const method of METER_METHODS) assertMethod('meter', meter, method);
  const exported = new ExportedMetrics(meter);
  const subscription = events$.subscribe({
    next: (event) => exported.note(event),
    error: (error: unknown) => {
      // Nobody here can handle it: RxJS reports what is thrown here to the host.
      throw error;
    },
  });
  subscription.add(() => exported.end());
  return subscription;
}

const METER_METHODS = ['createCounter', 'createHistogram', 'createObservableGauge', 'createObservableUpDownCounter'] as const;

/** A shard that is read here. */
interface ReadShard {
  readonly attributes: MetricAttributes;
  /** How far the last page ended behind the newest record, in ms; `undefined` before the first page. */
  behindMs: number | undefined;
}

/** The instruments, and what they are told. */
class ExportedMetrics {
  readonly #events;
  readonly #readRecords;
  readonly #readBytes;
  readonly #settledRecords;
  readonly #settledBytes;
  readonly #lag;
  readonly #shards = new ByShard<ReadShard>();
  readonly #observed: ReadonlyArray<readonly [ObservableInstrumentLike, ObservableCallbackLike]>;

  constructor(meter: MeterLike) {
    const counter = (name: string, unit: string, description: string) => meter.createCounter(name, { unit, description });
    this.#events = counter('rx_kinesis.events', '{event}', 'Events of the consumer, by their type.');
    this.#readRecords = counter('rx_kinesis.read.records', '{record}', 'User records that were read.');
    this.#readBytes = counter('rx_kinesis.read.bytes', 'By', 'Payload bytes that were read.');
    this.#settledRecords = counter('rx_kinesis.settled.records', '{record}', 'Records whose work is done.');
    this.#settledBytes = counter('rx_kinesis.settled.bytes', 'By', 'Their payload bytes.');
    const description = 'From the arrival of the last record of a block in Kinesis to the end of the work on it.';
    this.#lag = meter.createHistogram('rx_kinesis.settled.lag', {
      unit: 's',
      description,
      advice: { explicitBucketBoundaries: LAG_SECONDS },
    });
    const behind = meter.createObservableGauge('rx_kinesis.read.behind_latest', {
      ...{ unit: 's', description: 'How far the last page of a shard ended behind its newest record.' },
    });
    const shards = meter.createObservableUpDownCounter('rx_kinesis.shards', { unit: '{shard}', description: 'Shards that are read here.' });
    this.#observed = [
      [
        behind,
        (result) => this.#each(({ behindMs, attributes }) => behindMs !== undefined && result.observe(behindMs / 1_000, attributes)),
      ],
      [shards, (result) => this.#each(({ attributes }) => result.observe(1, attributes))],
    ];
    for (const [instrument, callback] of this.#observed) instrument.addCallback(callback);
  }

  note(event: KinesisEvent): void {
    const attributes = placeOf(event);
    this.#events.add(1, { ...attributes, ...kindOf(event) });
    switch (event.type) {
      case 'pageRead':
        this.#readRecords.add(event.records, attributes);
        this.#readBytes.add(event.bytes, attributes);
        this.#shardOf(event, attributes).behindMs = event.millisBehindLatest;
        return;
      case 'blockSettled':
        this.#settledRecords.add(event.records, attributes);
        this.#settledBytes.add(event.bytes, attributes);
        if (event.lagMs !== undefined) this.#lag.record(Math.max(0, event.lagMs) / 1_000, attributes);
        return;
      case 'shardStarted':
        this.#shardOf(event, attributes);
        return;
      case 'shardReleased':
      case 'shardFailed':
        this.#shards.delete(event);
        return;
      default:
    }
  }

  end(): void {
    for (const [instrument, callback] of this.#observed) instrument.removeCallback(callback);
  }

  #shardOf(name: ShardName, attributes: MetricAttributes): ReadShard {
    const known = this.#shards.get(name);
    if (known) return known;
    const shard = { attributes, behindMs: undefined };
    this.#shards.set(name, shard);
    return shard;
  }

  #each(visit: (shard: ReadShard) => unknown): void {
    for (const shard of this.#shards.values()) visit(shard);
  }
}

/** Bounds from a tenth of a second to a day: retention is a day at least. */
const LAG_SECONDS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600, 14_400, 86_400];

/** The stream and the shard of an event, as far as it has them. Names: Semantic conventions for messaging systems, OpenTelemetry. */
function placeOf(event: KinesisEvent): MetricAttributes {
  const { streamName, shardId } = event as Partial<ShardName>;
  return {
    ...(streamName !== undefined && { 'messaging.destination.name': streamName }),
    ...(shardId !== undefined && { 'messaging.destination.partition.id': shardId }),
  };
}

/** What happened, why, and the class of its error. */
function kindOf(event: KinesisEvent): MetricAttributes {
  const { type, reason, action } = event as { readonly type: string; readonly reason?: unknown; readonly action?: unknown };
  const error = shownError(event)?.name;
  return {
    'rx_kinesis.event.type': type,
    ...(typeof reason === 'string' && { 'rx_kinesis.event.reason': reason }),
    ...(typeof action === 'string' && { 'rx_kinesis.event.action': action }),
    ...(error !== undefined && { 'error.type': error }),
  };
}

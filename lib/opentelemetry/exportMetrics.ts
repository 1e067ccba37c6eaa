import { asyncScheduler, type Observable, type SchedulerLike, type Subscription } from 'rxjs';
import { SteadyClock } from '../internal/steady-clock.js';
import { assertKnownFields, assertMethod, assertScheduler } from '../internal/validate.js';
import { ByShard } from '../monitoring/by-shard.js';
import type { BlockSettledEvent } from '../monitoring/block-events.js';
import type { KinesisEvent } from '../monitoring/events.js';
import { ShardsProgress, type ShardProgress } from '../monitoring/shard-progress.js';
import { faultOf } from '../values/errors.js';
import type { ShardName } from '../values/shard-id.js';
import type { MeterLike, MetricAttributes, ObservableCallbackLike, ObservableInstrumentLike } from './meter.js';

/** How {@link exportMetrics} exports. */
export interface ExportMetricsConfig {
  /** The clock of the gauges that show for how long something has been so. @defaultValue asyncScheduler */
  readonly scheduler?: SchedulerLike | undefined;
}

/**
 * Exports what a consumer does as metrics of OpenTelemetry.
 *
 * @remarks
 * Subscribes to the events at once, until they end or the returned subscription is unsubscribed. Loses nothing and buffers nothing; has no timer, since the reader of the meter decides
 * when to collect. Keeps two small objects for each shard that is read here.
 *
 * The metrics are in the table of its page. Their attributes are the names of the stream and, where a shard makes one series and not many, of the shard (`messaging.destination.name`,
 * `messaging.destination.partition.id`), and a few words: never a payload, a partition key, a message of an error, or the id of a block.
 *
 * Errors of the events are not handled: RxJS reports them to the host.
 *
 * @param events$ - as given to the source, and to the lease table, as `events`.
 * @param meter - of `@opentelemetry/api`, taken when the SDK has started: `metrics.getMeter('flights')`. It is called at once, once for each instrument.
 * @returns the subscription to the events.
 * @throws InvalidConfigError when called with what is no Observable, no meter, or no scheduler.
 *
 * @example
 * ```ts
 * const events = new Subject<KinesisEvent>();
 * exportMetrics(events, metrics.getMeter('flights-consumer'));
 * const shards$ = kinesisStream({ client, streamName: 'flights', startFrom: 'LATEST', store, events });
 * ```
 */
export function exportMetrics(events$: Observable<KinesisEvent>, meter: MeterLike, config: ExportMetricsConfig = {}): Subscription {
  assertMethod('events$', events$, 'subscribe');
  for (const method of METER_METHODS) assertMethod('meter', meter, method);
  assertKnownFields(config, { scheduler: true });
  const { scheduler = asyncScheduler } = config;
  assertScheduler(scheduler);
  const exported = new ExportedMetrics(meter, scheduler);
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

const METER_METHODS = ['createCounter', 'createHistogram', 'createObservableGauge', 'createUpDownCounter'] as const;

/** A shard that is read here. */
interface ReadShard {
  readonly attributes: ShardAttributes;
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
  readonly #failedRecords;
  readonly #lag;
  readonly #shardCount;
  readonly #gauges: (readonly [ObservableInstrumentLike, ObservableCallbackLike])[] = [];
  readonly #progress = new ShardsProgress();
  readonly #clock = new SteadyClock();
  readonly #scheduler: SchedulerLike;
  readonly #now = () => ({ ms: this.#clock.now(this.#scheduler) });
  readonly #shards = new ByShard<ReadShard>();
  /** The streams of which shards were read: an SDK keeps the last value of each. */
  readonly #streams = new Set<string>();

  constructor(meter: MeterLike, scheduler: SchedulerLike) {
    this.#scheduler = scheduler;
    const counter = (name: string, unit: string, description: string) => meter.createCounter(name, { unit, description });
    this.#events = counter('rx_kinesis.events', '{event}', 'Events of the consumer, by their type.');
    this.#readRecords = counter('rx_kinesis.read.records', '{record}', 'User records that were read.');
    this.#readBytes = counter('rx_kinesis.read.bytes', 'By', 'Payload bytes that were read, as Kinesis sent them.');
    this.#settledRecords = counter('rx_kinesis.settled.records', '{record}', 'Records that are settled.');
    this.#settledBytes = counter('rx_kinesis.settled.bytes', 'By', 'Payload bytes of the user records that are settled.');
    this.#failedRecords = counter('rx_kinesis.failed.records', '{record}', 'Records that processBlocks has given up.');
    this.#lag = meter.createHistogram('rx_kinesis.settled.lag', {
      unit: 's',
      description: 'From the arrival of the last record of a block in Kinesis until the block is settled.',
      advice: { explicitBucketBoundaries: LAG_SECONDS },
    });
    this.#shardCount = meter.createUpDownCounter('rx_kinesis.shards', { unit: '{shard}', description: 'Shards that are read here.' });
    this.#addGauges(meter);
  }

  #addGauges(meter: MeterLike): void {
    const add = (name: string, description: string, figures: () => Iterable<StreamFigure>): void => {
      const gauge = meter.createObservableGauge(name, { unit: 's', description });
      const observe: ObservableCallbackLike = (result) => {
        for (const [stream, ms] of this.#worstOf(figures())) result.observe(ms / 1_000, { [STREAM]: stream });
      };
      gauge.addCallback(observe);
      this.#gauges.push([gauge, observe]);
    };
    add(
      'rx_kinesis.read.behind_latest',
      'How far the last page ended behind the newest record, of the shard of a stream that is furthest behind.',
      () => [...this.#shards.values()].map(({ attributes, behindMs = 0 }) => [attributes[STREAM], behindMs]),
    );
    add(
      'rx_kinesis.processing.lag',
      'Since the arrival of the last record that is settled, of the shard of a stream that is furthest behind.',
      () => this.#waiting((nowMs, { doneThroughMs }) => nowMs - doneThroughMs),
    );
    add(
      'rx_kinesis.processing.stalled',
      'Since the last settled block or checkpoint, of the shard of a stream that has waited longest.',
      () => this.#waiting((nowMs, { progressMs }) => nowMs - progressMs),
    );
  }

  note(event: KinesisEvent): void {
    this.#events.add(1, kindOf(event));
    if (!this.#progress.take(event, this.#now)) this.#progress.forget(event);
    switch (event.type) {
      case 'pageRead': {
        const shard = this.#shardOf(event);
        shard.behindMs = event.millisBehindLatest;
        this.#readRecords.add(event.records, shard.attributes);
        this.#readBytes.add(event.bytes, shard.attributes);
        return;
      }
      case 'blockSettled':
        return this.#noteSettled(event);
      case 'blockFailed':
        this.#failedRecords.add(event.records, { ...attributesOf(event), 'rx_kinesis.event.reason': event.reason });
        return;
      case 'shardStarted':
        this.#shardOf(event);
        return;
      case 'shardReleased':
      case 'shardFailed':
        this.#forget(event);
        return;
      case 'stopTimedOut':
      case 'streamFailed':
        return this.#forgetAll(event.streamName);
      default:
    }
  }

  #noteSettled({ records, bytes, lagMs, ...name }: BlockSettledEvent): void {
    const attributes = attributesOf(name);
    this.#settledRecords.add(records, attributes);
    this.#settledBytes.add(bytes, attributes);
    if (lagMs !== undefined) this.#lag.record(Math.max(0, lagMs) / 1_000, attributes);
  }

  /** The shards that are still read are not counted any more: nobody would hear of their end. */
  end(): void {
    for (const { attributes } of this.#shards.values()) this.#shardCount.add(-1, attributes);
    for (const [gauge, observe] of this.#gauges) gauge.removeCallback(observe);
  }

  #shardOf(name: ShardName): ReadShard {
    const known = this.#shards.get(name);
    if (known) return known;
    const shard = { attributes: attributesOf(name), behindMs: undefined };
    this.#shards.set(name, shard);
    this.#streams.add(name.streamName);
    this.#shardCount.add(1, shard.attributes);
    return shard;
  }

  #forget(name: ShardName): void {
    const shard = this.#shards.get(name);
    if (!shard) return;
    this.#shards.delete(name);
    this.#shardCount.add(-1, shard.attributes);
  }

  #forgetAll(streamName: string): void {
    for (const { attributes } of this.#shards.values())
      if (attributes[STREAM] === streamName) this.#forget({ streamName, shardId: attributes[SHARD] });
  }

  /** The figure of each shard that has something to do. */
  #waiting(figure: (nowMs: number, shard: ShardProgress) => number): StreamFigure[] {
    const { ms: nowMs } = this.#now();
    return [...this.#progress.all].filter(({ isWaiting }) => isWaiting).map((shard) => [shard.streamName, figure(nowMs, shard)]);
  }

  /** The highest figure of each stream; 0 where no shard of it has one any more. */
  #worstOf(figures: Iterable<StreamFigure>): ReadonlyMap<string, number> {
    const worst = new Map([...this.#streams].map((name) => [name, 0]));
    for (const [name, ms] of figures) worst.set(name, Math.max(worst.get(name) ?? 0, ms));
    return worst;
  }
}

/** A stream, and a figure of one of its shards, in ms. */
type StreamFigure = readonly [streamName: string, ms: number];

/** Bounds from a tenth of a second to a day: retention is a day at least. */
const LAG_SECONDS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600, 14_400, 86_400];

/** The names of attributes: Semantic conventions for messaging systems, OpenTelemetry. */
const STREAM = 'messaging.destination.name';
const SHARD = 'messaging.destination.partition.id';
type ShardAttributes = Record<typeof SHARD | typeof STREAM, string>;

function attributesOf({ streamName, shardId }: ShardName): ShardAttributes {
  return { [STREAM]: streamName, [SHARD]: shardId };
}

/** What happened in which stream, why, and the class of its error. The shard is left out: with each type and reason it would make a series. */
function kindOf(event: KinesisEvent): MetricAttributes {
  const { streamName, reason, action, error } = event as Partial<Record<'action' | 'error' | 'reason' | 'streamName', unknown>>;
  return {
    'rx_kinesis.event.type': event.type,
    ...(typeof streamName === 'string' && { [STREAM]: streamName }),
    ...(typeof reason === 'string' && { 'rx_kinesis.event.reason': reason }),
    ...(typeof action === 'string' && { 'rx_kinesis.event.action': action }),
    ...('error' in event && { 'error.type': faultOf(error)?.name ?? 'undefined' }),
  };
}

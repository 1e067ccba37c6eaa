import { metrics, type Meter } from '@opentelemetry/api';
import { MeterProvider, MetricReader, type DataPoint, type Histogram } from '@opentelemetry/sdk-metrics';
import { expect } from 'chai';
import { bufferCount, count, lastValueFrom, Subject, timer } from 'rxjs';
import { checkpointEvery } from '../../lib/operators/checkpointEvery.js';
import { mergeShards } from '../../lib/operators/mergeShards.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import { exportMetrics } from '../../lib/opentelemetry/index.js';
import { kinesisStream } from '../../lib/sources/kinesisStream.js';
import { isInvalidConfig } from '../../lib/values/errors.js';
import { instantKinesis, quickReading } from '../support/quick-shard.js';
import { thrownBy } from '../support/thrown-by.js';

const shard = { streamName: 'flights', shardId: 'shardId-000000000007' };
const place = { 'messaging.destination.name': 'flights', 'messaging.destination.partition.id': 'shardId-000000000007' };
const page = { type: 'pageRead', ...shard, records: 3, bytes: 30, millisBehindLatest: 1_500, hasOpenBlocks: false } as const;
const settled = { type: 'blockSettled', ...shard, records: 2, bytes: 20, lagMs: 700, hasOpenBlocks: false } as const;

/** A meter of the real SDK, and what it has collected. */
class CollectingReader extends MetricReader {
  readonly #provider = new MeterProvider({ readers: [this] });
  readonly meter: Meter = this.#provider.getMeter('specs');

  protected override onForceFlush(): Promise<void> {
    return Promise.resolve();
  }

  protected override onShutdown(): Promise<void> {
    return Promise.resolve();
  }

  async points(name: string): Promise<readonly DataPoint<unknown>[]> {
    const { resourceMetrics, errors } = await this.collect();
    expect(errors).to.deep.equal([]);
    const found = resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics).filter(({ descriptor }) => descriptor.name === name);
    return found.flatMap(({ dataPoints }) => dataPoints as DataPoint<unknown>[]);
  }

  /** The values of a metric, with their attributes. */
  async values(name: string): Promise<readonly (readonly [unknown, object])[]> {
    return (await this.points(name)).map(({ value, attributes }) => [value, attributes] as const);
  }
}

function exporting() {
  const events = new Subject<KinesisEvent>();
  const reader = new CollectingReader();
  const subscription = exportMetrics(events, reader.meter);
  const tell = (...told: object[]): void => told.forEach((event) => events.next({ at: 0, ...event } as KinesisEvent));
  return { events, reader, subscription, tell };
}

describe('exportMetrics', () => {
  it('counts what is read and settled, of each shard', async () => {
    const { reader, tell } = exporting();
    tell(page, page, settled, { ...page, shardId: 'shardId-000000000008', records: 1, bytes: 9 });
    const other = { ...place, 'messaging.destination.partition.id': 'shardId-000000000008' };
    expect(await reader.values('rx_kinesis.read.records')).to.deep.equal([
      [6, place],
      [1, other],
    ]);
    expect(await reader.values('rx_kinesis.read.bytes')).to.deep.equal([
      [60, place],
      [9, other],
    ]);
    expect(await reader.values('rx_kinesis.settled.records')).to.deep.equal([[2, place]]);
    expect(await reader.values('rx_kinesis.settled.bytes')).to.deep.equal([[20, place]]);
  });

  it('keeps the distribution of the lag, in seconds; a clock behind that of Kinesis gives 0', async () => {
    const { reader, tell } = exporting();
    tell(settled, { ...settled, lagMs: 86_400_000 }, { ...settled, lagMs: -20 }, { ...settled, lagMs: undefined });
    const [point] = (await reader.points('rx_kinesis.settled.lag')) as DataPoint<Histogram>[];
    expect(point!.attributes).to.deep.equal(place);
    expect([point!.value.count, point!.value.min, point!.value.max, point!.value.sum]).to.deep.equal([3, 0, 86_400, 86_400.7]);
    expect(point!.value.buckets.boundaries).to.include.members([0.1, 1, 60, 86_400]);
  });

  it('counts every event by its type, its reason and action, and the class of its error, and says no more of it', async () => {
    const { reader, tell } = exporting();
    const secret = Object.assign(new TypeError('AKIA secret'), { code: 'E1' });
    tell(
      { type: 'readRetry', ...shard, reason: 'throttling', attempt: 1, delayMs: 1, error: secret },
      { type: 'blockStoreFailed', action: 'put', blockId: 'flights-1', error: secret },
      { type: 'stopped', streamName: 'flights', tookMs: 3 },
      { type: 'stopped', streamName: 'flights', tookMs: 4 },
    );
    expect(await reader.values('rx_kinesis.events')).to.deep.equal([
      [1, { ...place, 'rx_kinesis.event.type': 'readRetry', 'rx_kinesis.event.reason': 'throttling', 'error.type': 'TypeError' }],
      [1, { 'rx_kinesis.event.type': 'blockStoreFailed', 'rx_kinesis.event.action': 'put', 'error.type': 'TypeError' }],
      [2, { 'messaging.destination.name': 'flights', 'rx_kinesis.event.type': 'stopped' }],
    ]);
  });

  it('shows how far each shard is behind that is read here, in seconds, and how many these are', async () => {
    const { reader, tell } = exporting();
    tell({ type: 'shardStarted', ...shard, parentShardIds: [], start: 'LATEST' });
    expect(await reader.values('rx_kinesis.read.behind_latest')).to.deep.equal([]);
    expect(await reader.values('rx_kinesis.shards')).to.deep.equal([[1, place]]);
    tell(page, { ...page, millisBehindLatest: 250 });
    expect(await reader.values('rx_kinesis.read.behind_latest')).to.deep.equal([[0.25, place]]);
  });

  for (const event of [
    { type: 'shardReleased', ...shard, reason: 'stopped' },
    { type: 'shardFailed', ...shard, error: new Error() },
  ])
    it(`shows nothing of a shard after its ${event.type}, until it is started again`, async () => {
      const { reader, tell } = exporting();
      tell(page, event);
      expect(await reader.values('rx_kinesis.read.behind_latest')).to.deep.equal([]);
      expect(await reader.values('rx_kinesis.shards')).to.deep.equal([]);
      tell({ type: 'shardStarted', ...shard, parentShardIds: [], start: 'LATEST' });
      expect(await reader.values('rx_kinesis.shards')).to.deep.equal([[1, place]]);
    });

  for (const [how, end] of [
    ['is unsubscribed', ({ subscription }: ReturnType<typeof exporting>) => subscription.unsubscribe()],
    ['is over, as the events are', ({ events }: ReturnType<typeof exporting>) => events.complete()],
  ] as const)
    it(`observes no shard any more when it ${how}`, async () => {
      const exported = exporting();
      exported.tell(page);
      end(exported);
      expect(exported.events.observed).to.equal(false);
      expect(await exported.reader.values('rx_kinesis.shards')).to.deep.equal([]);
      expect(await exported.reader.values('rx_kinesis.read.behind_latest')).to.deep.equal([]);
      expect(await exported.reader.values('rx_kinesis.read.records')).to.deep.equal([[3, place]]);
    });

  it('exports a stream from beginning to end', async () => {
    const { events, reader } = exporting();
    const client = instantKinesis({ streamName: 'stream', shards: { 0: 'abc|', 1: 'de|' } });
    const stop = timer(50);
    await lastValueFrom(
      kinesisStream({ client, ...quickReading(), events, stop }).pipe(
        mergeShards((each) => each.pipe(bufferCount(1), withSequenceRanges(), checkpointEvery(10))),
        count(),
      ),
    );
    const sum = async (name: string): Promise<number> => (await reader.values(name)).reduce((total, [value]) => total + Number(value), 0);
    expect([await sum('rx_kinesis.read.records'), await sum('rx_kinesis.settled.records')]).to.deep.equal([5, 5]);
    const types = (await reader.values('rx_kinesis.events')).map(
      ([, attributes]) => (attributes as Record<string, string>)['rx_kinesis.event.type'],
    );
    expect(types).to.include.members(['shardsDiscovered', 'shardStarted', 'pageRead', 'blockOpened', 'blockSettled']);
    expect(await sum('rx_kinesis.shards')).to.equal(0);
  });

  it('takes the meter of the API without an SDK, which does nothing', () => {
    const events = new Subject<KinesisEvent>();
    exportMetrics(events, metrics.getMeter('none'));
    events.next({ at: 0, ...page });
    expect(events.observed).to.equal(true);
  });

  it('refuses what is no Observable, and what is no meter, at once', () => {
    const { meter } = new CollectingReader();
    expect(thrownBy(() => exportMetrics({} as never, meter))).to.satisfy(isInvalidConfig);
    expect(thrownBy(() => exportMetrics(new Subject<KinesisEvent>(), {} as never))).to.satisfy(isInvalidConfig);
  });

  it('reports an error of the events to the host, since nobody here can handle it', async () => {
    const { events } = exporting();
    const fault = new Error('of the events');
    const others = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    try {
      const reported = new Promise((resolve) => process.once('uncaughtException', resolve));
      events.error(fault);
      expect(await reported).to.equal(fault);
    } finally {
      for (const listener of others) process.on('uncaughtException', listener);
    }
  });
});

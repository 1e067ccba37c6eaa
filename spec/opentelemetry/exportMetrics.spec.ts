import { metrics, type Meter } from '@opentelemetry/api';
import { MeterProvider, MetricReader, type DataPoint, type Histogram } from '@opentelemetry/sdk-metrics';
import { expect } from 'chai';
import { bufferCount, count, lastValueFrom, Subject, VirtualTimeScheduler } from 'rxjs';
import { checkpointEvery } from '../../lib/operators/checkpointEvery.js';
import { mergeShards } from '../../lib/operators/mergeShards.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import { exportMetrics } from '../../lib/opentelemetry/index.js';
import { kinesisStream } from '../../lib/sources/kinesisStream.js';
import { isInvalidConfig } from '../../lib/values/errors.js';
import { instantKinesis, quickReading } from '../support/quick-shard.js';
import { thrownBy } from '../support/thrown-by.js';
import { until } from '../support/until.js';

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
  const clock = new VirtualTimeScheduler();
  const subscription = exportMetrics(events, reader.meter, { scheduler: clock });
  const tell = (...told: object[]): void => told.forEach((event) => events.next({ at: 0, ...event } as KinesisEvent));
  return { events, reader, subscription, tell, clock };
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

  it('counts the records that processBlocks has given up', async () => {
    const { reader, tell } = exporting();
    tell({ type: 'blockFailed', ...shard, blockId: 'b', records: 4, reason: 'age', attempts: 0 });
    expect(await reader.values('rx_kinesis.failed.records')).to.deep.equal([[4, { ...place, 'rx_kinesis.event.reason': 'age' }]]);
  });

  it('counts every event by its type, its reason and action, and the class of its error, and says no more of it', async () => {
    const { reader, tell } = exporting();
    const secret = Object.assign(new TypeError('AKIA secret'), { code: 'E1' });
    const other = { ...shard, shardId: 'shardId-000000000008' };
    for (const one of [shard, other]) tell({ type: 'readRetry', ...one, reason: 'throttling', attempt: 1, delayMs: 1, error: secret });
    tell(
      { type: 'blockStoreFailed', action: 'put', blockId: 'flights-1', error: secret },
      { type: 'shardFailed', ...shard, error: undefined },
      { type: 'stopped', streamName: 'flights', tookMs: 3 },
      { type: 'stopped', streamName: 'flights', tookMs: 4 },
    );
    const stream = { 'messaging.destination.name': 'flights' };
    expect(await reader.values('rx_kinesis.events')).to.deep.equal([
      [2, { ...stream, 'rx_kinesis.event.type': 'readRetry', 'rx_kinesis.event.reason': 'throttling', 'error.type': 'TypeError' }],
      [1, { 'rx_kinesis.event.type': 'blockStoreFailed', 'rx_kinesis.event.action': 'put', 'error.type': 'TypeError' }],
      [1, { ...stream, 'rx_kinesis.event.type': 'shardFailed', 'error.type': 'undefined' }],
      [2, { ...stream, 'rx_kinesis.event.type': 'stopped' }],
    ]);
  });

  describe('of the shards that are read here', () => {
    const started = { type: 'shardStarted', ...shard, parentShardIds: [], start: 'LATEST' };
    const other = { ...shard, shardId: 'shardId-000000000008' };
    const stream = { 'messaging.destination.name': 'flights' };
    const behind = async ({ reader }: ReturnType<typeof exporting>) => await reader.values('rx_kinesis.read.behind_latest');
    const total = async ({ reader }: ReturnType<typeof exporting>): Promise<number> =>
      (await reader.values('rx_kinesis.shards')).reduce((sum, [value]) => sum + Number(value), 0);

    it('shows how many there are, and how far the one is behind that is furthest, in seconds', async () => {
      const exported = exporting();
      expect(await behind(exported)).to.deep.equal([]);
      exported.tell(started);
      expect([await total(exported), await behind(exported)]).to.deep.equal([1, [[0, stream]]]);
      exported.tell(page, { ...page, ...other, millisBehindLatest: 250 });
      expect([await total(exported), await behind(exported)]).to.deep.equal([2, [[1.5, stream]]]);
      exported.tell({ ...page, millisBehindLatest: 100 });
      expect(await behind(exported)).to.deep.equal([[0.25, stream]]);
    });

    describe('shows, when it is asked,', () => {
      const gauges = async ({ reader }: ReturnType<typeof exporting>): Promise<unknown[]> =>
        Promise.all(['lag', 'stalled'].map(async (name) => await reader.values(`rx_kinesis.processing.${name}`)));
      const open = { type: 'blockOpened', ...shard, records: 3, bytes: 30 };

      it('for how long nothing was done on a shard, and since when records wait, though no event comes', async () => {
        const exported = exporting();
        exported.tell(started, { ...started, ...other });
        exported.clock.frame += 2_000;
        // It is settled at 2 s, and had come 700 ms before.
        exported.tell(page, open, { ...settled, hasOpenBlocks: true }, { ...page, ...other, records: 0, millisBehindLatest: 0 });
        exported.clock.frame += 120_000;
        expect(await gauges(exported)).to.deep.equal([[[120.7, stream]], [[120, stream]]]);
        exported.tell({ type: 'checkpointWritten', ...shard, sequenceNumber: '1', subSequenceNumber: 0 });
        exported.clock.frame += 1_000;
        expect(await gauges(exported)).to.deep.equal([[[121.7, stream]], [[1, stream]]]);
      });

      it('nothing of a shard that has nothing to do, and none of one that is released', async () => {
        const exported = exporting();
        exported.tell(page, open);
        exported.clock.frame += 5_000;
        expect(await gauges(exported)).to.deep.equal([[[5, stream]], [[5, stream]]]);
        exported.tell(settled, { ...page, records: 0, millisBehindLatest: 0 });
        exported.clock.frame += 5_000;
        expect(await gauges(exported)).to.deep.equal([[[0, stream]], [[0, stream]]]);
        exported.tell(open);
        exported.clock.frame += 5_000;
        exported.tell({ type: 'shardReleased', ...shard, reason: 'lost' });
        expect(await gauges(exported)).to.deep.equal([[[0, stream]], [[0, stream]]]);
      });

      it('of a shard whose pipeline has failed that it is stuck', async () => {
        const exported = exporting();
        exported.tell(page, { type: 'shardFailed', ...shard, error: new Error() });
        exported.clock.frame += 5_000;
        expect(await gauges(exported)).to.deep.equal([[[5, stream]], [[5, stream]]]);
      });
    });

    for (const event of [
      { type: 'shardReleased', ...shard, reason: 'stopped' },
      { type: 'shardFailed', ...shard, error: new Error() },
      { type: 'streamFailed', streamName: shard.streamName, error: new Error() },
      { type: 'stopTimedOut', streamName: shard.streamName, error: new Error() },
    ])
      it(`counts none after its ${event.type}, until it is started again, and leaves no old value`, async () => {
        const exported = exporting();
        exported.tell(started, page);
        expect([await total(exported), await behind(exported)]).to.deep.equal([1, [[1.5, stream]]]);
        exported.tell(event, event);
        expect([await total(exported), await behind(exported)]).to.deep.equal([0, [[0, stream]]]);
        exported.tell(started);
        expect(await total(exported)).to.equal(1);
      });

    it('tells streams apart', async () => {
      const exported = exporting();
      exported.tell(page, { ...page, streamName: 'trains', millisBehindLatest: 3_000 });
      expect(await behind(exported)).to.deep.equal([[1.5, stream], [3, { 'messaging.destination.name': 'trains' }]]); // prettier-ignore
    });

    for (const [how, end] of [
      ['is unsubscribed', ({ subscription }: ReturnType<typeof exporting>) => subscription.unsubscribe()],
      ['is over, as the events are', ({ events }: ReturnType<typeof exporting>) => events.complete()],
    ] as const)
      it(`counts none any more when it ${how}`, async () => {
        const exported = exporting();
        exported.tell(page, { ...page, ...other });
        expect(await total(exported)).to.equal(2);
        end(exported);
        expect(exported.events.observed).to.equal(false);
        expect(await total(exported)).to.equal(0);
        expect(await exported.reader.values('rx_kinesis.read.records')).to.have.length(2);
      });
  });

  it('exports a stream from beginning to end', async () => {
    const { events, reader } = exporting();
    const client = instantKinesis({ streamName: 'stream', shards: { 0: 'abc^', 1: 'de^' } });
    const stop = new Subject<void>();
    const sum = async (name: string): Promise<number> => (await reader.values(name)).reduce((total, [value]) => total + Number(value), 0);
    const done = lastValueFrom(
      kinesisStream({ client, ...quickReading(), events, stop }).pipe(
        mergeShards((each) => each.pipe(bufferCount(1), withSequenceRanges(), checkpointEvery(10))),
        count(),
      ),
    );
    await until('all is settled', async () => (await sum('rx_kinesis.settled.records')) === 5);
    expect([await sum('rx_kinesis.read.records'), await sum('rx_kinesis.shards')]).to.deep.equal([5, 2]);
    stop.next();
    await done;
    const types = (await reader.values('rx_kinesis.events')).map(
      ([, attributes]) => (attributes as Record<string, string>)['rx_kinesis.event.type'],
    );
    expect(types).to.include.members(['shardsDiscovered', 'shardStarted', 'pageRead', 'blockOpened', 'blockSettled']);
    expect(await sum('rx_kinesis.shards')).to.equal(0);
  });

  it('takes the meter of the API without an SDK, which does nothing', () => {
    const events = new Subject<KinesisEvent>();
    exportMetrics(events, metrics.getMeter('none'));
    expect(() => events.next({ at: 0, ...page })).not.to.throw();
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

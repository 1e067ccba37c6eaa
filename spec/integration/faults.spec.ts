import { expect } from 'chai';
import { buffer, lastValueFrom, Subject, takeUntil, tap } from 'rxjs';
import { leaseTable } from '../../lib/dynamodb/index.js';
import {
  checkpointEvery,
  isShardReadError,
  kinesisStream,
  memoryCheckpoints,
  mergeShards,
  recoverFrom,
  withSequenceRanges,
  type Block,
  type KinesisEvent,
  type KinesisRecord,
} from '../../lib/index.js';
import { errorOf } from '../support/checkpoint-store-contract.js';
import { abortConsumers, consume, expectExactlyOnce, fast, inPagesOf, type Consumer, type ConsumerConfig } from '../support/consumer.js';
import { startDynalite, type DynamoDBService } from '../support/dynamodb-services.js';
import { accessDenied, expired, serverError, startFaultProxy, throttled, type Fault, type FaultProxy } from '../support/fault-proxy.js';
import { kinesisKinds, type KinesisService } from '../support/kinesis-services.js';
import { seededRandom } from '../support/seeded-random.js';
import { TestStream } from '../support/test-stream.js';
import { SERVICE_DEADLINE_MS, until } from '../support/until.js';

for (const kind of kinesisKinds) {
  describe(`faults of ${kind.name}`, function () {
    this.timeout(30_000);
    const most = kind.records;
    let kinesis: KinesisService;
    let proxy: FaultProxy;
    let stream: TestStream;
    before(async () => (kinesis = await kind.start()));
    after(() => kinesis.stop());
    beforeEach(async () => {
      proxy = await startFaultProxy(kinesis.endpoint);
      stream = await TestStream.create(kinesis);
    });
    afterEach(async () => {
      abortConsumers();
      await proxy.stop();
    });

    const start = (config: Partial<ConsumerConfig> = {}): Consumer =>
      consume({ client: kinesis.client({ endpoint: proxy.endpoint }), streamName: stream.name, ...config });
    /** Makes one of `faults` of a part of the requests that read records. */
    const storm = (part: number, ...faults: Fault[]): void => {
      const random = seededRandom(1);
      proxy.make(({ operation }) => {
        if (operation === 'ListShards' || random() >= part) return undefined;
        return faults[Math.floor(random() * faults.length)];
      });
    };

    const storms: [name: string, part: number, faults: Fault[], reason: string][] = [
      ['a throttling storm', 0.5, [throttled], 'throttling'],
      ['failures of the service', 0.3, [serverError], 'transient'],
      ['expiring iterators', 0.3, [expired], 'iterator'],
      ['broken connections', 0.3, [{ type: 'reset' }, { type: 'cut' }], 'transient'],
      ['slow answers and broken connections', 0.4, [{ type: 'delay', delayMs: 30 }, { type: 'cut' }], 'transient'],
    ];
    for (const [name, part, faults, reason] of storms) {
      it(`reads each record once through ${name} and a split`, async () => {
        storm(part, ...faults);
        await stream.put(most / 4);
        const consumer = start(inPagesOf(most / 40));
        await stream.split('shardId-000000000000');
        await stream.put(most / 4);
        await consumer.hasDone(stream);
        await consumer.stop();
        await expectExactlyOnce(consumer.records, stream);
        expect(proxy.countOf('GetRecords').faults).to.be.above(5);
        expect(new Set(consumer.eventsOf('readRetry').map((event) => event.reason))).to.include(reason);
      });
    }

    it('tries the first list of shards again', async () => {
      proxy.make(({ operation, index }) => (operation === 'ListShards' && index < 3 ? throttled : undefined));
      await stream.put(10);
      const consumer = start();
      await consumer.hasDone(stream);
      expect(consumer.eventsOf('discoveryFailed')).to.have.length(3);
      expect(proxy.countOf('ListShards').calls).to.be.at.least(4);
    });

    it('stops while no read is answered, with what is done checkpointed', async () => {
      const store = memoryCheckpoints();
      await stream.put(most / 4);
      const first = start({ store });
      await first.hasDone(stream);
      storm(1, throttled);
      await first.until('reads are refused', () => proxy.countOf('GetRecords').faults > 2);
      await first.stop();
      proxy.heal();

      const second = start({ store });
      await stream.put(10);
      await second.hasDone(10);
      await second.stop();
      await expectExactlyOnce([...first.records, ...second.records], stream);
    });

    it('ends with a read error that is not retriable when access is denied', async () => {
      await stream.put(10);
      storm(1, accessDenied);
      const error = await errorOf(start({ restart: { maxRestarts: 0 } }).ended());
      expect(error).to.satisfy(isShardReadError).and.to.include({ retriable: false, streamName: stream.name });
      expect(error).to.have.nested.property('cause.name', 'AccessDeniedException');
      expect(error)
        .to.have.property('shardId')
        .that.matches(/^shardId-/);
    });

    describe('recoverFrom', () => {
      const abort$ = new Subject<void>();
      afterEach(() => abort$.next());

      /** One shard, whose records stay in a buffer until `flush$` emits. */
      const buffered = () => {
        const store = memoryCheckpoints();
        const flush$ = new Subject<void>();
        const [read, blocks, events]: [KinesisRecord[], Block[], KinesisEvent[]] = [[], [], []];
        const client = kinesis.client({ endpoint: proxy.endpoint });
        const retry = { maxRetries: 2, initialDelayMs: 1, maxDelayMs: 2 };
        const source = { ...fast, retry, client, streamName: stream.name, store, startFrom: 'TRIM_HORIZON' } as const;
        const blocks$ = kinesisStream({ ...source, events: { next: (event) => events.push(event) } }).pipe(
          mergeShards((shard) =>
            shard.pipe(
              tap((record) => read.push(record)),
              buffer(flush$),
              withSequenceRanges(),
              recoverFrom(store),
              tap((block) => blocks.push(block)),
              checkpointEvery(20),
            ),
          ),
        );
        const ended = lastValueFrom(blocks$.pipe(takeUntil(abort$)), { defaultValue: undefined });
        return { flush$, read, blocks, events, ended };
      };

      it('reads exactly what was in a buffer again when reading fails for a while', async () => {
        stream = await TestStream.create(kinesis, 1);
        const consumer = buffered();
        await stream.put(100);
        await until('the first records are in the buffer', () => consumer.read.length === 100, SERVICE_DEADLINE_MS);
        consumer.flush$.next();
        await stream.put(120);
        await until('more records are in the buffer', () => consumer.read.length === 220, SERVICE_DEADLINE_MS);

        // Three fail the live read, three more the first re-read, and one is passed over by the second.
        const before = proxy.countOf('GetRecords').faults;
        proxy.make(({ operation }) =>
          operation === 'GetRecords' && proxy.countOf('GetRecords').faults < before + 7 ? serverError : undefined,
        );
        await until('it has recovered', () => consumer.events.some(({ type }) => type === 'recovered'), SERVICE_DEADLINE_MS);
        await stream.put(80);
        await until('the last records are in the buffer', () => consumer.read.length === 300, SERVICE_DEADLINE_MS);
        consumer.flush$.next();
        abort$.next();
        await consumer.ended;

        await expectExactlyOnce(
          consumer.blocks.flatMap((block) => block.records),
          stream,
        );
        const numbers = stream.sequenceNumbers()['shardId-000000000000']!;
        const recovered = consumer.blocks.filter((block) => block.recovered).flatMap((block) => block.records);
        expect(recovered.map(({ sequenceNumber }) => sequenceNumber)).to.deep.equal(numbers.slice(100, 220));
        expect(consumer.events.filter(({ type }) => type === 'recoveryStarted')).to.have.length(2);
        const texts = recovered.map(({ data }) => new TextDecoder().decode(data));
        expect(texts).to.deep.equal(
          stream
            .written('shardId-000000000000')
            .slice(100, 220)
            .map(({ text }) => text),
        );
      });
    });

    describe('of DynamoDB', () => {
      let dynamodb: DynamoDBService;
      let dynamodbProxy: FaultProxy;
      before(async () => {
        dynamodb = await startDynalite();
        dynamodbProxy = await startFaultProxy(dynamodb.endpoint);
      });
      after(async () => {
        await dynamodbProxy.stop();
        await dynamodb.stop();
      });

      it('checkpoints are exact through a storm of them', async () => {
        const client = dynamodb.client({ endpoint: dynamodbProxy.endpoint, maxAttempts: 1 });
        const store = () => leaseTable({ client, tableName: 'leases', tablePollIntervalMs: 5 });
        const random = seededRandom(2);
        const faults: Fault[] = [throttled, serverError, { type: 'reset' }, { type: 'cut' }];
        dynamodbProxy.make(() => (random() < 0.3 ? faults[Math.floor(random() * faults.length)] : undefined));

        await stream.put(most / 2);
        const first = start({ store: store(), ...inPagesOf(most / 40) });
        await first.hasDone(most / 2);
        dynamodbProxy.heal();
        await first.stop();
        expect(dynamodbProxy.countOf('UpdateItem').faults).to.be.above(3);

        const second = start({ store: store() });
        await stream.put(most / 2);
        await second.hasDone(stream.count - first.records.length);
        await second.stop();
        await expectExactlyOnce([...first.records, ...second.records], stream);
      });
    });
  });
}

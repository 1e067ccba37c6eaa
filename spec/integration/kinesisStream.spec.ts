import { NodeHttpHandler } from '@smithy/node-http-handler';
import { expect } from 'chai';
import { bufferTime, ReplaySubject, take } from 'rxjs';
import { eachBlock, kinesisStream, mergeShards, withSequenceRanges, type CheckpointStore, type KinesisRecord } from '../../lib/index.js';
import { readFrom } from '../support/checkpoint-store-contract.js';
import {
  abortConsumers,
  consume,
  expectExactlyOnce,
  fast,
  inPagesOf,
  sequenceNumbersOf,
  type Consumer,
  type ConsumerConfig,
} from '../support/consumer.js';
import { kinesisKinds, type KinesisService } from '../support/kinesis-services.js';
import { leaseTables, storeKinds, type StoreService } from '../support/stores.js';
import { TestStream } from '../support/test-stream.js';
import { until } from '../support/until.js';

for (const kind of kinesisKinds) {
  describe(`kinesisStream against ${kind.name}`, function () {
    this.timeout(30_000);
    const most = kind.records;
    let kinesis: KinesisService;
    let stream: TestStream;
    before(async () => (kinesis = await kind.start()));
    after(() => kinesis.stop());
    beforeEach(async () => (stream = await TestStream.create(kinesis)));
    afterEach(abortConsumers);

    const start = (config: Partial<ConsumerConfig> = {}): Consumer =>
      consume({ client: kinesis.client(), streamName: stream.name, ...config });
    const readAll = async (consumer: Consumer): Promise<readonly KinesisRecord[]> => {
      await consumer.hasDone(stream);
      await consumer.stop();
      return consumer.records;
    };

    for (const storeKind of storeKinds) {
      describe(`with ${storeKind.name}`, () => {
        let stores: StoreService;
        before(async () => (stores = await storeKind.start()));
        after(() => stores.stop());
        const store = (): CheckpointStore => stores.open(stream.name);

        it('reads each record once, in the order of its shard', async () => {
          await stream.put(most / 2);
          const consumer = start({ store: store() });
          await stream.put(most / 2);
          await expectExactlyOnce(await readAll(consumer), stream);
        });

        it('drains at a stop, and a restart repeats and loses nothing', async () => {
          await stream.put(most);
          const release$ = new ReplaySubject<void>(1);
          let worked = 0;
          const work = () => (worked++ < 8 ? [] : release$.pipe(take(1)));
          const first = start({ store: store(), ...inPagesOf(most / 20), work });
          await first.until('work is held up in both shards', () => worked === 10);
          const doneBefore = first.records.length;
          const stopped = first.stop();
          release$.next();
          await stopped;
          const done = first.records.length;
          expect(done).to.be.above(doneBefore).and.below(most);

          const second = start({ store: store() });
          await second.hasDone(most - done);
          await second.stop();
          await expectExactlyOnce([...first.records, ...second.records], stream);
        });

        it('replays nothing at a restart when everything was done', async () => {
          await stream.put(most / 4);
          const first = await readAll(start({ store: store() }));

          const second = start({ store: store() });
          await stream.put(10);
          await second.hasDone(10);
          await second.stop();
          await expectExactlyOnce([...first, ...second.records], stream);
        });
      });
    }

    describe('through resharding', () => {
      let stores: StoreService;
      before(async () => (stores = await leaseTables.start()));
      after(() => stores.stop());
      const store = (): CheckpointStore => stores.open(stream.name);
      const checkpointOf = async (shardId: string) =>
        (await readFrom(store(), { streamName: stream.name, shardId, parentShardIds: [] }))?.sequenceNumber;

      /** Splits, merges and splits again, with records for each generation. */
      const reshard = async (): Promise<void> => {
        await stream.put(most / 4);
        const [, upper] = await stream.split('shardId-000000000000');
        await stream.put(most / 4);
        const merged = await stream.merge(upper, 'shardId-000000000001');
        await stream.put(most / 4);
        await stream.split(merged);
        await stream.put(most / 4);
      };

      it('follows a split while reading', async () => {
        const consumer = start({ store: store() });
        await stream.put(most / 2);
        const children = await stream.split('shardId-000000000000');
        await stream.put(most / 2);
        await expectExactlyOnce(await readAll(consumer), stream);
        expect(stream.shardIds).to.include.members(children);
        expect(await checkpointOf('shardId-000000000000')).to.equal('SHARD_END');
      });

      it('reads the child of a merge after both parents', async () => {
        const consumer = start({ store: store() });
        await stream.put(most / 2);
        const child = await stream.merge('shardId-000000000000', 'shardId-000000000001');
        await stream.put(most / 2);
        await expectExactlyOnce(await readAll(consumer), stream);
        expect(stream.written(child)).to.have.length(most / 2);
      });

      it('follows a chain of splits and merges while reading', async () => {
        const consumer = start({ store: store() });
        await reshard();
        await expectExactlyOnce(await readAll(consumer), stream);
        expect(stream.shardIds).to.have.length(7);
      });

      it('reads a chain of closed shards after the fact', async () => {
        await reshard();
        await expectExactlyOnce(await readAll(start({ store: store() })), stream);
      });

      it('goes on in the middle of a chain after a stop', async () => {
        await reshard();
        const first = start({ store: store(), ...inPagesOf(most / 40) });
        await first.until('a child is being read', () => first.eventsOf('shardReleased').length > 0);
        await first.stop();
        expect(first.records.length).to.be.below(stream.count);

        const second = start({ store: store() });
        await second.hasDone(stream.count - first.records.length);
        await second.stop();
        await expectExactlyOnce([...first.records, ...second.records], stream);
      });

      it('reads nothing of a shard that was read to its end before', async () => {
        await reshard();
        await readAll(start({ store: store() }));
        const again = start({ store: store() });
        await again.until('the open shards are started', () => again.eventsOf('shardStarted').length === 3);
        await again.stop();
        expect(again.records).to.deep.equal([]);
      });
    });

    for (const word of ['LATEST', 'a time'] as const) {
      it(`starts at ${word} with what comes after it, and nothing before`, async () => {
        await stream.put(20);
        const before = stream.sequenceNumbers();
        const putMs = Date.now();
        await until('the clock has moved on', () => Date.now() > putMs + 1);
        // kinesalite does not answer a request for a time after its last record: such a request must run into its timeout.
        const requestHandler = new NodeHttpHandler({ requestTimeout: 300, throwOnRequestTimeout: true });
        const startFrom = word === 'LATEST' ? word : new Date();
        const consumer = start({ client: kinesis.client({ requestHandler }), startFrom });
        await consumer.until('both shards are started', () => consumer.eventsOf('shardStarted').length === 2);
        await stream.put(20);
        await consumer.hasDone(20);
        await consumer.stop();
        const after = Object.entries(stream.sequenceNumbers()).map(([shardId, all]) => [shardId, all.slice(before[shardId]?.length)]);
        expect(sequenceNumbersOf(consumer.records)).to.deep.equal(Object.fromEntries(after));
      });
    }

    it('is iterated over with for await, and stops reading at a break', async () => {
      await stream.put(most / 4);
      const blocks$ = kinesisStream({ client: kinesis.client(), streamName: stream.name, startFrom: 'TRIM_HORIZON', ...fast }).pipe(
        mergeShards((shard) => shard.pipe(bufferTime(10), withSequenceRanges())),
      );
      const records: KinesisRecord[] = [];
      for await (const block of eachBlock(blocks$)) {
        records.push(...block.records);
        if (records.length === stream.count) break;
      }
      await expectExactlyOnce(records, stream);
    });

    // kinesalite knows streams by their names alone.
    if (kind.name === 'kinesis-local') {
      it('reads a stream that is named by its ARN', async () => {
        await stream.put(most / 4);
        const streamARN = `arn:aws:kinesis:us-east-1:123456789012:stream/${stream.name}`;
        const consumer = start({ streamName: undefined, streamARN });
        await expectExactlyOnce(await readAll(consumer), stream);
        expect(consumer.records[0]?.streamName).to.equal(stream.name);
      });
    }
  });
}

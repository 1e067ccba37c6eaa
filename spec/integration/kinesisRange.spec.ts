import { NodeHttpHandler } from '@smithy/node-http-handler';
import { expect } from 'chai';
import { lastValueFrom, toArray } from 'rxjs';
import {
  isRangeExpired,
  isRangeIncomplete,
  isRecoveryTimeout,
  isShardReadError,
  kinesisRange,
  kinesisRanges,
  SequenceNumberRanges,
  type KinesisRangesConfig,
  type KinesisRecord,
  type SequenceNumberRange,
} from '../../lib/index.js';
import { errorOf } from '../support/checkpoint-store-contract.js';
import { abortConsumers, consume, fast, inPagesOf, sequenceNumbersOf } from '../support/consumer.js';
import { expired, serverError, startFaultProxy, throttled, type FaultProxy } from '../support/fault-proxy.js';
import { kinesisKinds, type KinesisService } from '../support/kinesis-services.js';
import { seededRandom } from '../support/seeded-random.js';
import { TestStream } from '../support/test-stream.js';

const SHARD_0 = 'shardId-000000000000';
const SHARD_1 = 'shardId-000000000001';

for (const kind of kinesisKinds) {
  describe(`kinesisRange against ${kind.name}`, function () {
    this.timeout(30_000);
    const most = kind.records;
    let kinesis: KinesisService;
    let proxy: FaultProxy;
    let stream: TestStream;
    before(async () => {
      kinesis = await kind.start();
      proxy = await startFaultProxy(kinesis.endpoint);
      stream = await TestStream.create(kinesis);
      await stream.put(most / 2);
    });
    after(async () => {
      await proxy.stop();
      await kinesis.stop();
    });
    afterEach(() => {
      abortConsumers();
      proxy.heal();
    });

    const config = (fields: Partial<KinesisRangesConfig> = {}): KinesisRangesConfig => {
      const { budget, retry } = fast;
      return { client: kinesis.client({ endpoint: proxy.endpoint }), budget, retry, ...fields };
    };
    /** The range from one record of a shard to another, by their indices. */
    const rangeOf = (shardId: string, from: number, to: number, of = stream): SequenceNumberRange => {
      const numbers = of.written(shardId).map(({ sequenceNumber }) => sequenceNumber);
      const ends = { fromSeqNumber: numbers[from]!, toSeqNumber: numbers[to]!, fromSubSeqNumber: 0, toSubSeqNumber: 0 };
      return { streamName: of.name, shardId, ...ends, recordCount: to - from + 1 };
    };
    const read = (range: SequenceNumberRange, fields: Partial<KinesisRangesConfig> = {}): Promise<KinesisRecord[]> =>
      lastValueFrom(kinesisRange(range, config(fields)).pipe(toArray()));
    const textsOf = (records: readonly KinesisRecord[]) => records.map(({ data }) => new TextDecoder().decode(data));
    const writtenIn = (shardId: string, from: number, to: number) =>
      stream
        .written(shardId)
        .slice(from, to + 1)
        .map(({ text }) => text);

    it('emits exactly the range, whatever part of the shard it is', async () => {
      const last = stream.written(SHARD_0).length - 1;
      for (const [from, to] of [
        [0, 0],
        [0, last],
        [1, last - 1],
        [7, 29],
        [last, last],
      ] as const) {
        expect(textsOf(await read(rangeOf(SHARD_0, from, to)))).to.deep.equal(writtenIn(SHARD_0, from, to));
      }
    });

    it('emits exactly the range in small pages', async () => {
      expect(textsOf(await read(rangeOf(SHARD_1, 3, 61), { maxRecordsPerPage: 7 }))).to.deep.equal(writtenIn(SHARD_1, 3, 61));
    });

    it('emits exactly the range through faults', async () => {
      const random = seededRandom(3);
      const faults = [throttled, serverError, expired, { type: 'reset' }, { type: 'cut' }] as const;
      proxy.make(() => (random() < 0.4 ? faults[Math.floor(random() * faults.length)] : undefined));
      expect(textsOf(await read(rangeOf(SHARD_0, 2, 60), { maxRecordsPerPage: 5 }))).to.deep.equal(writtenIn(SHARD_0, 2, 60));
    });

    it('reads the ranges of blocks again, from their JSON, in all shards', async () => {
      const consumer = consume({ client: kinesis.client(), streamName: stream.name, ...inPagesOf(20) });
      await consumer.hasDone(stream);
      await consumer.stop();
      const json = JSON.stringify(new SequenceNumberRanges(consumer.blocks.flatMap((block) => block.ranges.ranges)));
      const records = await lastValueFrom(kinesisRanges(SequenceNumberRanges.fromJSON(json), config()).pipe(toArray()));
      expect(sequenceNumbersOf(records)).to.deep.equal(stream.sequenceNumbers());

      const block = consumer.blocks[3]!;
      const again = await lastValueFrom(kinesisRanges(block.ranges, config()).pipe(toArray()));
      expect(textsOf(again)).to.deep.equal(textsOf(block.records));
    });

    it('reads a range of a shard that is closed, up to its last record', async () => {
      const closed = await TestStream.create(kinesis, 1);
      await closed.put(50);
      await closed.split(SHARD_0);
      const records = await read(rangeOf(SHARD_0, 10, 49, closed));
      expect(records.map(({ sequenceNumber }) => sequenceNumber)).to.deep.equal(closed.sequenceNumbers()[SHARD_0]!.slice(10));
    });

    it('refuses a range whose count is not that of its records', async () => {
      const range = { ...rangeOf(SHARD_0, 5, 20), recordCount: 17 };
      const error = await errorOf(read(range));
      expect(error).to.satisfy(isRangeIncomplete).and.to.include({ found: 16, retriable: false });
      expect(error).to.have.property('missing').that.deep.equals([range]);
    });

    it('refuses a range that goes beyond the last record', async () => {
      const range = rangeOf(SHARD_0, 5, stream.written(SHARD_0).length - 1);
      const beyond = { ...range, toSeqNumber: String(BigInt(range.toSeqNumber) + 16n), recordCount: range.recordCount + 1 };
      const error = await errorOf(read(beyond));
      expect(error).to.satisfy(isRangeIncomplete).and.to.include({ found: range.recordCount });
    });

    it('refuses a range of another shard, without a record of it', async () => {
      const range = { ...rangeOf(SHARD_0, 5, 20), shardId: SHARD_1 };
      const error = await errorOf(read(range));
      expect(error).to.satisfy(isRangeExpired).and.to.include({ retriable: false });
      expect(error).to.have.property('missing').that.deep.equals([range]);
    });

    it('tells of a stream and of a shard that do not exist', async () => {
      const range = rangeOf(SHARD_0, 5, 20);
      const unknownStream = await errorOf(read({ ...range, streamName: 'no-such-stream' }));
      expect(unknownStream)
        .to.satisfy(isShardReadError)
        .and.to.include({ retriable: false, streamName: 'no-such-stream', shardId: SHARD_0 });
      expect(unknownStream).to.have.nested.property('cause.name', 'ResourceNotFoundException');

      const unknownShard = await errorOf(read({ ...range, shardId: 'shardId-000000000099' }));
      expect(unknownShard).to.satisfy(isRangeExpired).and.to.include({ retriable: false });
    });

    it('tells of an endpoint that nobody listens at', async () => {
      const requestHandler = new NodeHttpHandler({ connectionTimeout: 500 });
      const client = kinesis.client({ endpoint: 'http://127.0.0.1:1', requestHandler });
      const error = await errorOf(read(rangeOf(SHARD_0, 5, 20), { client, retry: { maxRetries: 2, initialDelayMs: 1 } }));
      expect(error).to.satisfy(isShardReadError).and.to.include({ retriable: true, streamName: stream.name, shardId: SHARD_0 });
    });

    it('gives up after a time without progress, with the fault that held it up', async () => {
      proxy.make(({ operation }) => (operation === 'GetRecords' ? throttled : undefined));
      const range = rangeOf(SHARD_0, 5, 20);
      const error = await errorOf(read(range, { retryTimeoutMs: 100, retry: { maxRetries: 1_000, initialDelayMs: 1, maxDelayMs: 5 } }));
      expect(error).to.satisfy(isRecoveryTimeout).and.to.include({ retriable: true, timeoutMs: 100 });
      expect(error).to.have.nested.property('cause.name', 'ProvisionedThroughputExceededException');
      expect(error).to.have.property('missing').that.deep.equals([range]);
    });

    // kinesalite knows streams by their names alone, whatever the region and the account.
    if (kind.name === 'kinesis-local') {
      it('tells of a stream in another region', async () => {
        const client = kinesis.client({ region: 'eu-west-1' });
        const error = await errorOf(read(rangeOf(SHARD_0, 5, 20), { client }));
        expect(error).to.satisfy(isShardReadError).and.to.include({ retriable: false, streamName: stream.name });
        expect(error).to.have.property('message').that.includes('region');
      });

      it('reads from a stream that is named by its ARN', async () => {
        const streamARN = `arn:aws:kinesis:us-east-1:123456789012:stream/${stream.name}`;
        expect(textsOf(await read(rangeOf(SHARD_0, 5, 20), { streamARN }))).to.deep.equal(writtenIn(SHARD_0, 5, 20));
      });
    }
  });
}

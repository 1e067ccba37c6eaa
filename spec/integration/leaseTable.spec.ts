import { ScanCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { expect } from 'chai';
import { leaseTable } from '../../lib/dynamodb/index.js';
import { abortConsumers, consume, sequenceNumbersOf, type Consumer } from '../support/consumer.js';
import { startDynalite, type DynamoDBService } from '../support/dynamodb-services.js';
import { kinesisKinds, type KinesisService } from '../support/kinesis-services.js';
import { TestStream } from '../support/test-stream.js';

for (const kind of kinesisKinds) {
  describe(`two workers of one lease table, reading ${kind.name}`, function () {
    this.timeout(30_000);
    const half = kind.records / 2;
    let kinesis: KinesisService;
    let dynamodb: DynamoDBService;
    let client: DynamoDBClient;
    let stream: TestStream;
    before(async () => {
      [kinesis, dynamodb] = [await kind.start(), await startDynalite()];
      client = dynamodb.client();
    });
    after(async () => {
      await kinesis.stop();
      await dynamodb.stop();
    });
    beforeEach(async () => (stream = await TestStream.create(kinesis)));
    afterEach(abortConsumers);

    const start = (workerId: string): Consumer => {
      const store = leaseTable({ client, tableName: stream.name, workerId, tablePollIntervalMs: 5 });
      return consume({ client: kinesis.client(), streamName: stream.name, store });
    };
    const rows = async () => {
      const { Items = [] } = await client.send(new ScanCommand({ TableName: stream.name, ConsistentRead: true }));
      return Items.map((row) => ({ shardId: row.leaseKey?.S, owner: row.leaseOwner?.S, checkpoint: row.checkpoint?.S }));
    };
    const rowsAtTheEnd = (owner: string | undefined) =>
      stream.shardIds.map((shardId) => ({ shardId, owner, checkpoint: stream.written(shardId).at(-1)?.sequenceNumber }));
    it('share them: the second is handed one of two shards, and has both when the first stops; nothing comes twice', async () => {
      const first = start('first');
      await stream.put(half);
      await first.hasDone(stream);

      const second = start('second');
      await second.until('it has a lease', () => second.eventsOf('shardStarted').length === 1);
      expect(first.eventsOf('shardReleased').map(({ reason }) => reason)).to.deep.equal(['stopped']);
      await stream.put(half);
      await second.until('all of it is done', () => first.records.length + second.records.length >= stream.count);
      await first.stop();

      await second.until('it has both', () => second.eventsOf('shardStarted').length === 2);
      await stream.put(10);
      await second.until('all of it is done', () => first.records.length + second.records.length >= stream.count);
      await second.stop();
      expect(sequenceNumbersOf([...first.records, ...second.records])).to.deep.equal(stream.sequenceNumbers());
      expect([...first.eventsOf('checkpointFailed'), ...second.eventsOf('checkpointFailed')]).to.deep.equal([]);
      expect(await rows()).to.have.deep.members(rowsAtTheEnd(undefined));
    });

    it('the second goes on at once where the first was stopped', async () => {
      const first = start('first');
      await stream.put(half);
      await first.hasDone(stream);
      await first.stop();
      expect(await rows()).to.have.deep.members(rowsAtTheEnd(undefined));

      const second = start('second');
      await stream.put(half);
      await second.hasDone(half);
      await second.stop();
      expect(sequenceNumbersOf([...first.records, ...second.records])).to.deep.equal(stream.sequenceNumbers());
    });
  });
}

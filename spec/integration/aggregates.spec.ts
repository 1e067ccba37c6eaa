import { CreateTableCommand, DescribeTableCommand, GetItemCommand, PutItemCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { CreateStreamCommand, PutRecordCommand, type KinesisClient } from '@aws-sdk/client-kinesis';
import { expect } from 'chai';
import { concatMap, from, lastValueFrom, toArray } from 'rxjs';
import { leaseTable } from '../../lib/dynamodb/index.js';
import { kinesisRange, kinesisRanges, type KinesisStreamConfig, type SequenceNumberRange } from '../../lib/index.js';
import { listShards } from '../../lib/kinesis/listShards.js';
import { portOf } from '../../lib/kinesis/sdk-port.js';
import { polling } from '../../lib/readers/polling.js';
import { aggregate } from '../../lib/testing/index.js';
import { NAMES, namesFrom, positionOf } from '../support/aggregated-stream.js';
import { abortConsumers, consume, fast } from '../support/consumer.js';
import { startDynalite, type DynamoDBService } from '../support/dynamodb-services.js';
import { textOf } from '../support/fast-reading.js';
import { kinesisKinds, type KinesisService } from '../support/kinesis-services.js';
import { SERVICE_DEADLINE_MS, until } from '../support/until.js';

const SHARD = 'shardId-000000000000';
const STREAM = 'aggregates';

/** The cases that were run with Spark, which came out right in one of them. */
const CASES: ReadonlyArray<readonly [what: string, ends: ReadonlyArray<readonly [first: string, last: string]>, count: number]> = [
  ['that lie within it', [['p0', 'p6']], 27],
  ['that it ends with', [['p0', 'A.9']], 15],
  ['that it ends inside of', [['p0', 'A.4']], 10],
  ['that it begins inside of', [['A.5', 'p6']], 17],
  ['of which it has a part', [['A.3', 'A.6']], 4],
  ['at both its ends', [['A.9', 'B.0']], 3],
];
const TWO = [
  ['p0', 'A.4'],
  ['A.5', 'p5'],
] as const;

for (const kind of kinesisKinds) {
  describe(`KPL aggregates read from ${kind.name} with a plain client`, function () {
    this.timeout(30_000);
    let kinesis: KinesisService;
    let dynamodb: DynamoDBService;
    let table: DynamoDBClient;
    /** The sequence numbers of the records of Kinesis, in order. */
    const numbers: string[] = [];

    before(async () => {
      [kinesis, dynamodb] = [await kind.start(), await startDynalite()];
      table = dynamodb.client();
      const client = kinesis.client();
      await client.send(new CreateStreamCommand({ StreamName: STREAM, ShardCount: 1 }));
      const port = portOf(client, { wire: 'sdk', payloads: 'slabs', notify: () => undefined });
      await lastValueFrom(listShards(port, { StreamName: STREAM }));
      for (const Data of payloads()) {
        const { SequenceNumber } = await client.send(new PutRecordCommand({ StreamName: STREAM, PartitionKey: 'outer', Data }));
        numbers.push(SequenceNumber!);
      }
    });
    afterEach(abortConsumers);
    after(async () => {
      await kinesis.stop();
      await dynamodb.stop();
    });

    const numberOf = (name: string): string => numbers[Number(positionOf(name).sequenceNumber) - 1]!;
    const range = (first: string, last: string): SequenceNumberRange => ({
      streamName: STREAM,
      shardId: SHARD,
      fromSeqNumber: numberOf(first),
      toSeqNumber: numberOf(last),
      fromSubSeqNumber: positionOf(first).subSequenceNumber,
      toSubSeqNumber: positionOf(last).subSequenceNumber,
      recordCount: namesFrom(first, last).length,
    });
    const client = (): KinesisClient => kinesis.client();

    for (const wire of ['cbor', 'json', 'sdk'] as const) {
      const config = () => ({ client: client(), wire, budget: fast.budget, retry: fast.retry, events: 'silent' as const });

      for (const [what, [[first, last] = ['', '']], count] of CASES) {
        it(`a range gives exactly its user records of those ${what}: ${first} to ${last}, in ${wire}`, async () => {
          const records = await lastValueFrom(kinesisRange(range(first, last), config()).pipe(toArray()));
          expect(records).to.have.length(count);
          expect(records.map(textOf)).to.deep.equal(namesFrom(first, last));
        });
      }

      it(`two ranges of a block, and of two blocks, give what they share once, in ${wire}`, async () => {
        const both = TWO.map(([first, last]) => range(first, last));
        const ofABlock = await lastValueFrom(kinesisRanges(both, config()).pipe(toArray()));
        const ofTwo = await lastValueFrom(
          from(both).pipe(
            concatMap((each) => kinesisRange(each, config())),
            toArray(),
          ),
        );
        for (const records of [ofABlock, ofTwo]) expect(records.map(textOf)).to.deep.equal(namesFrom('p0', 'p5'));
      });

      for (const [sub, next] of [
        [4, 'A.5'],
        [0, 'A.1'],
        [9, 'p5'],
        [99, 'p5'],
      ] as const) {
        it(`a row of KCL at sub-sequence number ${sub} is taken over: ${next} is next, in ${wire}`, async () => {
          const tableName = `${kind.name}-${wire}-${sub}`;
          await leaveRow(table, tableName, numberOf('A.0'), sub);
          const store = leaseTable({ client: table, tableName, workerId: 'next', tablePollIntervalMs: 5 });
          const expected = namesFrom(next);
          const options: Partial<KinesisStreamConfig> = { wire, reader: polling({ idleDelayMs: 20, maxRecordsPerPage: 2 }) };
          const consumer = consume({ client: client(), streamName: STREAM, store, ...options });
          await consumer.hasDone(expected.length);
          await consumer.stop();
          expect(consumer.records.map(textOf)).to.deep.equal(expected);
          expect(await checkpointIn(table, tableName)).to.deep.equal({ checkpoint: numberOf('p6'), sub: '0' });
        });
      }
    }

    it('every user record comes from the beginning, with its index as sub-sequence number', async () => {
      const consumer = consume({ client: client(), streamName: STREAM });
      await consumer.hasDone(NAMES.length);
      await consumer.stop();
      expect(consumer.records.map(textOf)).to.deep.equal(NAMES);
      expect(consumer.records.map((record) => record.subSequenceNumber)).to.deep.equal(
        NAMES.map((name) => positionOf(name).subSequenceNumber),
      );
    });
  });
}

/** The payloads of the stream's records of Kinesis, in order. */
function payloads(): Uint8Array[] {
  const whole = (name: string): Uint8Array =>
    aggregate(NAMES.filter((each) => each.startsWith(name)).map((each) => ({ partitionKey: each, data: each })));
  return NAMES.flatMap((name) => {
    if (name.startsWith('p')) return [new TextEncoder().encode(name)];
    return name.endsWith('.0') ? [whole(name.slice(0, 2))] : [];
  });
}

/** Makes a lease table with the row of the shard, as KCL leaves it that has checkpointed within an aggregate. */
async function leaveRow(client: DynamoDBClient, TableName: string, checkpoint: string, sub: number): Promise<void> {
  await client.send(
    new CreateTableCommand({
      TableName,
      KeySchema: [{ AttributeName: 'leaseKey', KeyType: 'HASH' }],
      AttributeDefinitions: [{ AttributeName: 'leaseKey', AttributeType: 'S' }],
      BillingMode: 'PAY_PER_REQUEST',
    }),
  );
  await until(
    'the table is there',
    async () => {
      const { Table } = await client.send(new DescribeTableCommand({ TableName }));
      return Table?.TableStatus === 'ACTIVE';
    },
    SERVICE_DEADLINE_MS,
  );
  const Item = {
    leaseKey: { S: SHARD },
    leaseCounter: { N: '412' },
    checkpoint: { S: checkpoint },
    checkpointSubSequenceNumber: { N: String(sub) },
    ownerSwitchesSinceCheckpoint: { N: '0' },
    startingHashKey: { S: '0' },
    endingHashKey: { S: '340282366920938463463374607431768211455' },
  };
  await client.send(new PutItemCommand({ TableName, Item }));
}

async function checkpointIn(client: DynamoDBClient, TableName: string): Promise<object> {
  const { Item } = await client.send(new GetItemCommand({ TableName, Key: { leaseKey: { S: SHARD } }, ConsistentRead: true }));
  return { checkpoint: Item?.checkpoint?.S, sub: Item?.checkpointSubSequenceNumber?.N };
}

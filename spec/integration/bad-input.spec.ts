import { CreateTableCommand } from '@aws-sdk/client-dynamodb';
import { expect } from 'chai';
import { MemoryLevel } from 'memory-level';
import { from, lastValueFrom } from 'rxjs';
import { leaseTable } from '../../lib/dynamodb/index.js';
import { isForeignCheckpoint, isInvalidConfig, isInvalidValue, isShardReadError, memoryCheckpoints } from '../../lib/index.js';
import { levelCheckpoints } from '../../lib/level/index.js';
import { checkpointOf, errorOf, shardNamed, writeTo } from '../support/checkpoint-store-contract.js';
import { abortConsumers, consume, type Consumer, type ConsumerConfig } from '../support/consumer.js';
import { startDynalite } from '../support/dynamodb-services.js';
import { kinesisKinds, type KinesisService } from '../support/kinesis-services.js';
import { TestStream } from '../support/test-stream.js';

const SHARD_0 = 'shardId-000000000000';
const SHARD_1 = 'shardId-000000000001';
/** A record of a stream of 2018. */
const FORMER_SEQUENCE_NUMBER = '49590338271490256608559692538361571095921575989136588898';

for (const kind of kinesisKinds) {
  describe(`bad input, with ${kind.name}`, function () {
    this.timeout(30_000);
    let kinesis: KinesisService;
    let stream: TestStream;
    before(async () => {
      kinesis = await kind.start();
    });
    after(() => kinesis.stop());
    beforeEach(async () => {
      stream = await TestStream.create(kinesis);
      await stream.put(40);
    });
    afterEach(abortConsumers);

    const start = (config: Partial<ConsumerConfig> = {}): Consumer =>
      consume({ client: kinesis.client(), streamName: stream.name, ...config });
    const failureOf = (config: Partial<ConsumerConfig>): Promise<unknown> =>
      errorOf(start({ restart: { maxRestarts: 0 }, ...config }).ended());

    it('a stream that does not exist is an error that is not retriable', async () => {
      const error = await failureOf({ streamName: 'no-such-stream' });
      expect(error).to.satisfy(isShardReadError).and.to.include({ retriable: false, streamName: 'no-such-stream', shardId: undefined });
      expect(error).to.have.nested.property('cause.name', 'ResourceNotFoundException');
    });

    it('a time that has not come is an error that passes', async () => {
      const startFrom = new Date(Date.now() + 3_600_000);
      const error = await failureOf({ startFrom, retry: { maxRetries: 0 }, recover: { maxRecoveries: 0 } });
      expect(error).to.satisfy(isShardReadError).and.to.include({ retriable: true, streamName: stream.name });
      expect(error).to.have.property('message').that.includes(startFrom.toISOString());
    });

    it('a table that is not a lease table is refused before anything is read', async () => {
      const dynamodb = await startDynalite();
      const client = dynamodb.client();
      const KeySchema = [{ AttributeName: 'id', KeyType: 'HASH' as const }];
      const AttributeDefinitions = [{ AttributeName: 'id', AttributeType: 'N' as const }];
      await client.send(new CreateTableCommand({ TableName: 'orders', KeySchema, AttributeDefinitions, BillingMode: 'PAY_PER_REQUEST' }));
      const consumer = start({ store: leaseTable({ client, tableName: 'orders', tablePollIntervalMs: 5 }), restart: { maxRestarts: 0 } });
      const error = await errorOf(consumer.ended());
      await dynamodb.stop();
      expect(error).to.satisfy(isInvalidConfig).and.to.have.property('message').that.includes('orders').and.includes('leaseKey');
      expect(consumer.eventsOf('pageRead')).to.deep.equal([]);
    });

    it('a corrupt checkpoint is an error that names its shard, and is left as it is', async () => {
      const db = new MemoryLevel();
      const key = `rx-kinesis/checkpoint/${stream.name}/${SHARD_0}`;
      await db.put(key, '{"version":1,"sequenceNumber":');

      const error = await failureOf({ store: levelCheckpoints(db) });
      expect(error).to.satisfy(isInvalidValue).and.to.have.property('message').that.includes(SHARD_0);
      expect(await db.get(key)).to.equal('{"version":1,"sequenceNumber":');
    });

    it('a corrupt checkpoint does not keep the other shards from being read, and its own is read once somebody has mended it', async () => {
      const db = new MemoryLevel();
      const key = `rx-kinesis/checkpoint/${stream.name}/${SHARD_0}`;
      await db.put(key, '{"version":1,"sequenceNumber":');
      const consumer = start({ store: levelCheckpoints(db), restart: { initialDelayMs: 5, maxDelayMs: 5, maxRestarts: Infinity } });

      await consumer.hasDone(stream.count - stream.written(SHARD_0).length);
      expect(stream.written(SHARD_0)).not.to.be.empty;
      await consumer.until('it is told again and again', () => consumer.eventsOf('shardRestarted').length > 2);
      expect(consumer.eventsOf('shardRestarted').map(({ shardId }) => shardId)).to.satisfy((ids: string[]) =>
        ids.every((id) => id === SHARD_0),
      );
      expect(consumer.eventsOf('shardRestarted')[0]!.error).to.satisfy(isInvalidValue);
      expect(await db.get(key)).to.equal('{"version":1,"sequenceNumber":');
      await db.del(key);
      await consumer.hasDone(stream);
      await consumer.stop();
    });

    /** Numbers of other streams, of which a row of KCL does not say that they are. */
    const foreign: Readonly<Record<string, (last: bigint) => string>> = {
      'a stream that was deleted and made again': () => FORMER_SEQUENCE_NUMBER,
      // The time at which the shard was made stands above bit 148 of its numbers.
      'a stream that is newer': (last) => String(last + 2n ** 150n),
      'nobody, above all that is there': (last) => String(last + 2n ** 40n),
    };
    for (const [what, numberOf] of Object.entries(foreign)) {
      for (const onGap of ['fail', 'continue'] as const) {
        it(`a checkpoint of ${what} is an error under onGap '${onGap}', and is left as it is`, async () => {
          const store = memoryCheckpoints();
          const shards = [SHARD_0, SHARD_1].map((shardId) => shardNamed(shardId, { streamName: stream.name }));
          const number = numberOf(BigInt(Object.values(stream.sequenceNumbers()).flat().sort().at(-1)!));
          for (const shard of shards) await writeTo(store, shard, checkpointOf(shard, number));
          const error = await failureOf({ store, onGap });
          expect(error).to.satisfy(isForeignCheckpoint).and.to.include({ retriable: false, streamName: stream.name });
          for (const shard of shards) {
            const stored = await lastValueFrom(from(store.read(shard)));
            expect(stored).to.include({ sequenceNumber: number });
          }
        });
      }
    }
  });
}

import { CreateTableCommand, DescribeTableCommand, GetItemCommand, PutItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { expect } from 'chai';
import type { Observable } from 'rxjs';
import { leaseTable, type DynamoDBClientLike } from '../../lib/dynamodb/index.js';
import { isInvalidConfig } from '../../lib/values/errors.js';
import { checkpointOf, errorOf, readFrom, shardNamed, writeTo } from '../support/checkpoint-store-contract.js';
import { startDynalite, type DynamoDBService } from '../support/dynamodb-services.js';
import { leaseTableContract } from '../support/lease-table-contract.js';

const TABLE = {
  Table: {
    TableStatus: 'ACTIVE',
    KeySchema: [{ AttributeName: 'leaseKey', KeyType: 'HASH' }],
    AttributeDefinitions: [{ AttributeName: 'leaseKey', AttributeType: 'S' }],
  },
};

/** A request that a fake client got, and what ends it. */
interface Sent {
  readonly name: string;
  readonly input: object;
  readonly signal: AbortSignal | undefined;
  reply(output: object): Promise<void>;
  fail(error: unknown): Promise<void>;
}

/** A client whose replies the test gives. */
function fakeClient(): { client: DynamoDBClientLike; sent: Sent[]; last: () => Sent } {
  const sent: Sent[] = [];
  const send = (command: object, options?: { readonly abortSignal?: AbortSignal }) =>
    new Promise((resolve, reject) => {
      const name =
        [CreateTableCommand, DescribeTableCommand, GetItemCommand, PutItemCommand, UpdateItemCommand].find(
          (kind) => command instanceof kind,
        )?.name ?? '';
      const ended = (end: () => void) => {
        end();
        return new Promise<void>((done) => setImmediate(done));
      };
      const input = (command as { readonly input: object }).input;
      sent.push({
        name,
        input,
        signal: options?.abortSignal,
        reply: (output) => ended(() => resolve(output)),
        fail: (error) => ended(() => reject(error)),
      });
    });
  return { client: { send }, sent, last: () => sent.at(-1) ?? expect.fail('no request') };
}

describe('leaseTable', () => {
  describe('against dynalite', () => {
    let service: DynamoDBService;
    before(async () => (service = await startDynalite()));
    after(() => service.stop());

    leaseTableContract(() => service);
  });

  describe('its requests', () => {
    const shard = shardNamed();
    const item = { leaseKey: { S: shard.shardId }, leaseCounter: { N: '4' }, checkpoint: { S: '10' } };

    it('read consistently', async () => {
      const { client, last } = fakeClient();
      const read = readFrom(leaseTable({ client, tableName: 'leases' }), shard);
      await last().reply(TABLE);
      expect(last().input).to.deep.include({ TableName: 'leases', Key: { leaseKey: { S: shard.shardId } }, ConsistentRead: true });
      await last().reply({ Item: item });
      expect(await read).to.deep.equal(checkpointOf(shard, '10'));
    });

    it('are made again when nothing at all is answered: a body that is lost looks like no row', async () => {
      const { client, sent, last } = fakeClient();
      const read = readFrom(leaseTable({ client, tableName: 'leases' }), shard);
      await last().reply(TABLE);
      await last().reply({});
      expect(sent.map(({ name }) => name)).to.deep.equal(['DescribeTableCommand', 'GetItemCommand', 'GetItemCommand']);
      await last().reply({ Item: item });
      expect(await read).to.deep.equal(checkpointOf(shard, '10'));
    });

    it('are believed at once when the service says what they cost', async () => {
      const { client, sent, last } = fakeClient();
      const read = readFrom(leaseTable({ client, tableName: 'leases' }), shard);
      await last().reply(TABLE);
      await last().reply({ ConsumedCapacity: { TableName: 'leases', CapacityUnits: 1 } });
      expect(await read).to.equal(undefined);
      expect(sent).to.have.length(2);
    });

    it('are made one at a time for a shard, and at once for different shards', async () => {
      const { client, sent, last } = fakeClient();
      const store = leaseTable({ client, tableName: 'leases' });
      const other = shardNamed('shardId-000000000001');
      const writes = store.write(checkpointOf(shard, '20'), shard).subscribe();
      await last().reply(TABLE);
      writes.add(store.write(checkpointOf(shard, '30'), shard).subscribe());
      writes.add(store.write(checkpointOf(other, '20'), other).subscribe());
      expect(sent.map(({ name }) => name)).to.deep.equal(['DescribeTableCommand', 'GetItemCommand', 'GetItemCommand']);

      await sent[1]!.reply({ Item: item });
      expect(last()).to.have.nested.property('input.ExpressionAttributeValues.:checkpoint.S', '20');
      expect(last()).to.have.nested.property('input.ExpressionAttributeValues.:was_leaseCounter.N', '4');
      await last().reply({});
      expect(last().name).to.equal('GetItemCommand');
      writes.unsubscribe();
    });

    for (const action of ['read', 'write'] as const) {
      it(`are aborted when a ${action} is unsubscribed`, async () => {
        const { client, last } = fakeClient();
        const store = leaseTable({ client, tableName: 'leases' });
        const started: Observable<unknown> = action === 'write' ? store.write(checkpointOf(shard, '20'), shard) : store.read(shard);
        const subscription = started.subscribe();
        await last().reply(TABLE);
        const request = last();
        expect(request.name).to.equal('GetItemCommand');
        expect(request.signal?.aborted).to.equal(false);
        subscription.unsubscribe();
        expect(request.signal?.aborted).to.equal(true);
        await request.fail(new Error('aborted'));
      });
    }

    it('find the table again that was deleted', async () => {
      const { client, sent, last } = fakeClient();
      const store = leaseTable({ client, tableName: 'leases' });
      const failed = errorOf(readFrom(store, shard));
      await last().reply(TABLE);
      await last().fail(Object.assign(new Error(), { name: 'ResourceNotFoundException' }));
      expect(await failed).to.include({ code: 'CHECKPOINT', retriable: true });
      void readFrom(store, shard).catch(() => undefined);
      expect(sent.map(({ name }) => name)).to.deep.equal(['DescribeTableCommand', 'GetItemCommand', 'DescribeTableCommand']);
      await last().reply(TABLE);
    });

    it('look at the table for all who wait, and abort when nobody does', () => {
      const { client, sent } = fakeClient();
      const store = leaseTable({ client, tableName: 'leases' });
      const first = store.read(shard).subscribe();
      const second = store.read(shardNamed('shardId-000000000001')).subscribe();
      expect(sent).to.have.length(1);

      first.unsubscribe();
      expect(sent[0]?.signal?.aborted).to.equal(false);
      second.unsubscribe();
      expect(sent[0]?.signal?.aborted).to.equal(true);
      const third = store.read(shard).subscribe();
      expect(sent).to.have.length(2);
      third.unsubscribe();
    });

    it('look at the table again after that failed', async () => {
      const { client, sent, last } = fakeClient();
      const store = leaseTable({ client, tableName: 'leases' });
      const failed = errorOf(readFrom(store, shard));
      await last().fail(Object.assign(new Error(), { name: 'ThrottlingException' }));
      expect(await failed).to.include({ code: 'CHECKPOINT', retriable: true, shardId: shard.shardId });

      void readFrom(store, shard).catch(() => undefined);
      expect(sent.map(({ name }) => name)).to.deep.equal(['DescribeTableCommand', 'DescribeTableCommand']);
    });

    it('do not go on after a failure that stays', async () => {
      const { client, sent, last } = fakeClient();
      const failed = errorOf(writeTo(leaseTable({ client, tableName: 'leases' }), shard, checkpointOf(shard, '20')));
      await last().reply(TABLE);
      await last().fail(Object.assign(new Error(), { name: 'AccessDeniedException' }));
      expect(await failed).to.include({ code: 'CHECKPOINT', retriable: false });
      expect(sent).to.have.length(2);
    });
  });

  describe('its config', () => {
    const { client } = fakeClient();
    const invalid: [name: string, config: object, field: string][] = [
      ['no client', { client: undefined }, 'client'],
      ['a client without send', { client: {} }, 'client'],
      ['no table name', { tableName: undefined }, 'tableName'],
      ['a short table name', { tableName: 'ab' }, 'tableName'],
      ['a table name with a blank', { tableName: 'my table' }, 'tableName'],
      ['an ARN of nothing', { tableName: 'arn:x' }, 'tableName'],
      ['an ARN that is a path', { tableName: 'arn:../../etc/passwd' }, 'tableName'],
      ['the ARN of a stream', { tableName: 'arn:aws:kinesis:eu-west-1:123456789012:stream/flights' }, 'tableName'],
      ['the ARN of an index', { tableName: 'arn:aws:dynamodb:eu-west-1:123456789012:table/leases/index/i' }, 'tableName'],
      ['an ARN without an account', { tableName: 'arn:aws:dynamodb:eu-west-1::table/leases' }, 'tableName'],
      ['an empty worker id', { workerId: '' }, 'workerId'],
      ['a numeric worker id', { workerId: 7 }, 'workerId'],
      ['a negative interval', { tablePollIntervalMs: -1 }, 'tablePollIntervalMs'],
      ['an interval that is no number', { tablePollIntervalMs: NaN }, 'tablePollIntervalMs'],
      ['a failover time that is too short', { failoverTimeMs: 99 }, 'failoverTimeMs'],
      ['no lease at all', { maxLeases: 0 }, 'maxLeases'],
      ['half a lease', { maxLeases: 1.5 }, 'maxLeases'],
      ['an assignment that is no function', { assignment: 'fair' }, 'assignment'],
      ['a look without pause', { lookIntervalMs: 0 }, 'lookIntervalMs'],
      ['a negative hand-over', { handOverTimeoutMs: -1 }, 'handOverTimeoutMs'],
      ['a request without time', { requestTimeoutMs: 0 }, 'requestTimeoutMs'],
      ['a request that outlasts the leases', { requestTimeoutMs: 10_001 }, 'requestTimeoutMs to be at most failoverTimeMs (10000)'],
      ['a clean-up that is no word', { cleanUp: 'yes' }, 'cleanUp'],
      ['events that take nothing', { events: {} }, 'events'],
      ['a scheduler without clock', { scheduler: {} }, 'scheduler'],
      ['dice that are a number', { random: 4 }, 'random'],
    ];
    for (const [name, config, field] of invalid) {
      it(`refuses ${name} when called`, () => {
        const call = () => leaseTable({ client, tableName: 'leases', ...config });
        expect(call).to.throw(field).that.satisfies(isInvalidConfig);
      });
    }

    const arns = ['aws:dynamodb:eu-west-1', 'aws-cn:dynamodb:cn-north-1', 'aws-us-gov:dynamodb:us-gov-west-1'];
    for (const tableName of ['leases', 'a.b-c_1', ...arns.map((arn) => `arn:${arn}:123456789012:table/leases`)]) {
      it(`takes the table name ${tableName}`, () => {
        expect(() => leaseTable({ client, tableName })).not.to.throw();
      });
    }

    it('names each worker differently unless told', () => {
      const ids = [leaseTable({ client, tableName: 'leases' }), leaseTable({ client, tableName: 'leases' })].map(
        ({ workerId }) => workerId,
      );
      expect(new Set(ids)).to.have.property('size', 2);
      expect(leaseTable({ client, tableName: 'leases', workerId: 'w1' }).workerId).to.equal('w1');
    });

    it('makes no request by itself', () => {
      const fake = fakeClient();
      leaseTable({ client: fake.client, tableName: 'leases' });
      expect(fake.sent).to.deep.equal([]);
    });
  });
});

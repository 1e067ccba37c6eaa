import {
  CreateTableCommand,
  DeleteItemCommand,
  DescribeTableCommand,
  GetItemCommand,
  PutItemCommand,
  UpdateItemCommand,
  type AttributeValue,
  type CreateTableCommandInput,
  type DynamoDBClient,
} from '@aws-sdk/client-dynamodb';
import { expect } from 'chai';
import {
  BehaviorSubject,
  filter,
  firstValueFrom,
  forkJoin,
  from,
  lastValueFrom,
  map,
  ReplaySubject,
  take as first,
  type Subscription,
} from 'rxjs';
import type { LeasableShard, Lease, LeaseNews } from '../../lib/checkpoints/checkpoint-store.js';
import { isCheckpointError, isLeaseLost } from '../../lib/checkpoints/errors.js';
import { leaseRequests } from '../../lib/dynamodb/lease-requests.js';
import { leaseTable, type LeaseTable, type LeaseTableConfig } from '../../lib/dynamodb/index.js';
import { isInvalidConfig, isInvalidValue } from '../../lib/values/errors.js';
import { checkpointOf, checkpointStoreContract, childrenOf, errorOf, readFrom, shardNamed, writeTo } from './checkpoint-store-contract.js';
import type { LeaseEvent } from '../../lib/monitoring/lease-events.js';
import type { InitialPosition } from '../../lib/values/position.js';
import type { DynamoDBService } from './dynamodb-services.js';
import { faultyHandler } from './faulty-client.js';
import type { ShardIdentity } from '../../lib/values/shard-id.js';

type Row = Record<string, AttributeValue>;

/** What the lease table must do against any DynamoDB. `service` is asked when the tests run. */
export function leaseTableContract(service: () => DynamoDBService): void {
  const shard = shardNamed('shardId-000000000000', { childShards: childrenOf('shardId-000000000000') });
  const sequenceNumber = '49590338271490256608559692538361571095921575989136588898';
  let client: DynamoDBClient;
  let tableName: string;
  let tables = 0;

  beforeEach(() => {
    client = service().client();
    tableName = `leases-${process.pid}-${tables++}`;
  });

  const worker = (workerId: string, config: Partial<LeaseTableConfig> = {}) =>
    // Looks only when a shard comes into view, so that the requests of a test are its own.
    leaseTable({ client, tableName, workerId, tablePollIntervalMs: 5, lookIntervalMs: 60_000, random: () => 0, ...config });
  const views = new Map<LeaseTable, { shards$: BehaviorSubject<readonly LeasableShard[]>; news$: ReplaySubject<LeaseNews> }>();
  const subscriptions: Subscription[] = [];
  afterEach(() => {
    subscriptions.splice(0).forEach((subscription) => subscription.unsubscribe());
    views.clear();
  });
  /** Has the store see a shard, and waits until it has its lease. */
  const take = (store: LeaseTable, of: ShardIdentity = shard, ...where: [InitialPosition?, (() => number)?]): Promise<Lease> => {
    const leasable = { ...of, closed: false, startingSequenceNumber: '0', isReady: true };
    const view = views.get(store) ?? {
      shards$: new BehaviorSubject<readonly LeasableShard[]>([leasable]),
      news$: new ReplaySubject<LeaseNews>(Infinity),
    };
    if (views.has(store)) view.shards$.next([...view.shards$.value, leasable]);
    else subscriptions.push(store.leases(view.shards$, ...where).subscribe(view.news$));
    views.set(store, view);
    const granted$ = view.news$.pipe(
      filter((news) => news.type === 'granted'),
      filter(({ shardId }) => shardId === of.shardId),
      map(({ lease }) => lease),
      first(1),
    );
    return firstValueFrom(granted$);
  };
  /** Another worker takes a shard, as KCL 2.x does. */
  const steal = (workerId: string) =>
    client.send(
      new UpdateItemCommand({
        ...key(),
        UpdateExpression: 'SET leaseOwner = :me ADD leaseCounter :one',
        ExpressionAttributeValues: { ':me': { S: workerId }, ':one': { N: '1' } },
      }),
    );
  const write = (store: LeaseTable, position: string, sub = 0) => writeTo(store, shard, checkpointOf(shard, position, sub));
  const release = (store: LeaseTable) => lastValueFrom(store.release(shard));

  const key = (shardId = shard.shardId) => ({ TableName: tableName, Key: { leaseKey: { S: shardId } } });
  const rowOf = async (shardId?: string) => (await client.send(new GetItemCommand({ ...key(shardId), ConsistentRead: true }))).Item;
  const putRow = async (row: Row) => {
    // Any read has the store make its table.
    await readFrom(worker('maker'), shard);
    await client.send(new PutItemCommand({ TableName: tableName, Item: row }));
  };
  const kclRow = (fields: Row = {}): Row => ({
    leaseKey: { S: shard.shardId },
    leaseCounter: { N: '412' },
    ownerSwitchesSinceCheckpoint: { N: '0' },
    checkpoint: { S: sequenceNumber },
    checkpointSubSequenceNumber: { N: '0' },
    ...fields,
  });

  checkpointStoreContract(
    async () => {
      client = service().client();
      tableName = `leases-${process.pid}-${tables++}`;
      return { store: worker('w1'), reopen: async () => worker('w2') };
    },
    { holdsManyStreams: false },
  );

  describe('its table', () => {
    it('is made as KCL makes it', async () => {
      await readFrom(worker('w1'), shard);
      const { Table } = await client.send(new DescribeTableCommand({ TableName: tableName }));
      expect(Table).to.deep.include({
        KeySchema: [{ AttributeName: 'leaseKey', KeyType: 'HASH' }],
        AttributeDefinitions: [{ AttributeName: 'leaseKey', AttributeType: 'S' }],
        TableStatus: 'ACTIVE',
      });
      expect(Table?.BillingModeSummary?.BillingMode).to.equal('PAY_PER_REQUEST');
    });

    it('may be made by several workers at once', async () => {
      const read = await lastValueFrom(forkJoin(['w1', 'w2', 'w3'].map((id) => worker(id).read(shard))));
      expect(read).to.deep.equal([undefined, undefined, undefined]);
    });

    const foreign: Record<string, [Partial<CreateTableCommandInput>, string]> = {
      'another key': [
        { KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }], AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }] },
        'HASH id (S)',
      ],
      'a numeric key': [
        {
          KeySchema: [{ AttributeName: 'leaseKey', KeyType: 'HASH' }],
          AttributeDefinitions: [{ AttributeName: 'leaseKey', AttributeType: 'N' }],
        },
        'HASH leaseKey (N)',
      ],
      'a range key': [
        {
          KeySchema: [
            { AttributeName: 'leaseKey', KeyType: 'HASH' },
            { AttributeName: 'at', KeyType: 'RANGE' },
          ],
          AttributeDefinitions: [
            { AttributeName: 'leaseKey', AttributeType: 'S' },
            { AttributeName: 'at', AttributeType: 'N' },
          ],
        },
        'HASH leaseKey (S), RANGE at (N)',
      ],
    };
    for (const [name, [schema, shown]] of Object.entries(foreign)) {
      it(`is refused when it has ${name}`, async () => {
        await client.send(new CreateTableCommand({ TableName: tableName, BillingMode: 'PAY_PER_REQUEST', ...schema }));
        const store = worker('w1');
        for (const error of [await errorOf(readFrom(store, shard)), await errorOf(write(store, '1'))]) {
          expect(error).to.satisfy(isInvalidConfig);
          expect((error as Error).message)
            .to.include(tableName)
            .and.include(shown);
        }
      });
    }

    it('is looked at once', async () => {
      const { requestHandler, operations } = faultyHandler();
      const store = worker('w1', { client: service().client({ requestHandler }) });
      await readFrom(worker('maker'), shard);
      await lastValueFrom(forkJoin([store.read(shard), store.read(shard)]));
      await write(store, '5');
      expect(operations.filter((operation) => operation === 'DescribeTable')).to.have.length(1);
    });

    it('serves one stream', async () => {
      const store = worker('w1');
      await readFrom(store, shard);
      const foreignShard = shardNamed(shard.shardId, { streamName: 'trains' });
      // Also another store of the same client.
      for (const one of [store, worker('w2')]) {
        const error = await errorOf(readFrom(one, foreignShard));
        expect(error).to.satisfy(isInvalidConfig);
        expect((error as Error).message)
          .to.include('flights')
          .and.include('trains');
      }
    });
  });

  describe('the bell', () => {
    const ring = () => lastValueFrom(leaseRequests(client, tableName).ring(shard.shardId));

    it('counts each ring, also of two workers at once, and leaves the rest of the row as it is', async () => {
      const row = kclRow({ theirs: { S: 'stays' } });
      await putRow(row);
      expect(await Promise.all([ring(), ring()])).to.deep.equal([true, true]);
      expect(await rowOf()).to.deep.equal({ ...row, rings: { N: '2' } });
      expect(await lastValueFrom(leaseRequests(client, tableName).peek(shard.shardId))).to.include({ rings: 2, leaseKey: shard.shardId });
    });

    it('is not rung where nobody listens, on a row that is no lease, and where there is no row, which it does not make', async () => {
      for (const fields of [{ checkpoint: { S: 'SHARD_END' } }, { entityType: { S: 'WORKER_METRIC_STATS' } }] as Partial<Row>[]) {
        await putRow(kclRow(fields as Row));
        expect(await ring()).to.equal(false);
        expect(await rowOf()).to.deep.equal(kclRow(fields as Row));
      }
      await client.send(new DeleteItemCommand(key()));
      expect(await ring()).to.equal(false);
      expect(await rowOf()).to.equal(undefined);
    });
  });

  describe('its rows', () => {
    const owned = {
      leaseOwner: { S: 'w1' },
      gracefulOwner: { S: 'w1' },
      leaseCounter: { N: '1' },
      pulse: { N: '1' },
      ownerSwitchesSinceCheckpoint: { N: '0' },
      checkpointSubSequenceNumber: { N: '0' },
    };
    const hashKeys = { startingHashKey: { S: '0' }, endingHashKey: { S: '340282366920938463463374607431768211455' } };

    it('are made as KCL makes them, with the start of the shard, and taken', async () => {
      await take(worker('w1'));
      expect(omit((await rowOf())!, 'processId')).to.deep.equal({
        ...owned,
        ...hashKeys,
        leaseKey: { S: 'shardId-000000000000' },
        checkpoint: { S: 'TRIM_HORIZON' },
        shardStart: { S: '0' },
      });
    });

    for (const initialPosition of ['LATEST', 'AT_TIMESTAMP'] as const) {
      it(`begin at ${initialPosition} where the application does`, async () => {
        await take(worker('w1'), shard, initialPosition);
        expect((await rowOf())?.checkpoint).to.deep.equal({ S: initialPosition });
      });
    }

    it('keep the time that LATEST means until there is a checkpoint, also when they were deleted meanwhile', async () => {
      const store = worker('w1');
      await take(store, shard, 'LATEST', () => 1_700_000_000_000);
      expect((await rowOf())?.startTimestamp).to.deep.equal({ N: '1700000000000' });
      await client.send(new DeleteItemCommand(key()));
      const begun = { sequenceNumber: 'LATEST', startTimestamp: 1_700_000_000_000 };
      expect(await readFrom(store, shard)).to.include(begun);
      await write(store, '5');
      expect(await rowOf()).to.not.have.property('startTimestamp');
      expect(await readFrom(store, shard)).to.not.have.property('startTimestamp');
    });

    it('have no hash keys where they are not known', async () => {
      await take(worker('w1'), shardNamed(shard.shardId, { hashKeyRange: undefined }));
      const begun = { checkpoint: { S: 'TRIM_HORIZON' }, shardStart: { S: '0' } };
      expect(omit((await rowOf())!, 'processId')).to.deep.equal({ ...owned, ...begun, leaseKey: { S: shard.shardId } });
    });

    it('hold the checkpoint', async () => {
      await putRow(kclRow({ ownerSwitchesSinceCheckpoint: { N: '3' } }));
      const store = worker('w1');
      await take(store);
      await write(store, `${sequenceNumber}0`, 5);
      expect(omit((await rowOf())!, 'processId')).to.deep.equal({
        leaseKey: { S: 'shardId-000000000000' },
        leaseOwner: { S: 'w1' },
        gracefulOwner: { S: 'w1' },
        leaseCounter: { N: '414' },
        pulse: { N: '414' },
        ownerSwitchesSinceCheckpoint: { N: '0' },
        checkpoint: { S: `${sequenceNumber}0` },
        checkpointSubSequenceNumber: { N: '5' },
      });
    });

    it('hold SHARD_END once the children have theirs', async () => {
      const store = worker('w1');
      await take(store);
      await write(store, 'SHARD_END');
      const children = shard.childShards!.map(({ shardId }) => shardId);
      const row = await rowOf();
      expect(row).to.deep.include({ checkpoint: { S: 'SHARD_END' }, checkpointSubSequenceNumber: { N: '0' }, leaseCounter: { N: '2' } });
      expect(row?.childShardIds?.SS).to.have.members(children);
      const [lower] = shard.childShards!;
      expect(await rowOf(lower!.shardId)).to.deep.equal({
        leaseKey: { S: lower!.shardId },
        leaseCounter: { N: '0' },
        ownerSwitchesSinceCheckpoint: { N: '0' },
        checkpoint: { S: 'TRIM_HORIZON' },
        checkpointSubSequenceNumber: { N: '0' },
        parentShardId: { SS: [shard.shardId] },
        startingHashKey: { S: lower!.hashKeyRange!.startingHashKey },
        endingHashKey: { S: lower!.hashKeyRange!.endingHashKey },
      });
    });

    it('keep what this package does not know, through every kind of write', async () => {
      const unknown: Row = {
        childShardIds: { SS: ['shardId-000000000007'] },
        throughputKBps: { N: '12.25' },
        entityType: { S: 'LEASE' },
        someoneElses: { M: { deep: { L: [{ BOOL: true }] } } },
      };
      await putRow(kclRow(unknown));
      const store = worker('w1');
      await take(store);
      await write(store, `${sequenceNumber}0`);
      await release(store);
      expect(await rowOf()).to.deep.include(unknown);
    });

    it('lose a pending checkpoint when one is written, and the former owner of a hand-over when they are taken', async () => {
      const pending: Row = {
        pendingCheckpoint: { S: `${sequenceNumber}0` },
        pendingCheckpointSubSequenceNumber: { N: '1' },
        pendingCheckpointState: { B: new Uint8Array([1]) },
      };
      await putRow(kclRow({ ...pending, checkpointOwner: { S: 'java-old' } }));
      const store = worker('w1');
      await take(store);
      expect(await rowOf())
        .to.include.keys('pendingCheckpoint', 'pendingCheckpointState')
        .and.not.include.keys('checkpointOwner');
      await write(store, `${sequenceNumber}1`);
      expect(await rowOf()).not.to.have.any.keys(...Object.keys(pending));
    });

    it('lose this worker as the former owner of a lease that it does not hold, and nothing else', async () => {
      await putRow(kclRow({ leaseOwner: { S: 'java' }, checkpointOwner: { S: 'w1' } }));
      const other = shardNamed('shardId-000000000001');
      await putRow(kclRow({ leaseKey: { S: other.shardId } }));
      await take(worker('w1'), other);
      expect(await rowOf()).to.deep.equal(kclRow({ leaseOwner: { S: 'java' } }));
    });

    it('count up by 1 with each write', async () => {
      const store = worker('w1');
      const counters: unknown[] = [];
      for (const step of [() => take(store), () => write(store, '5'), () => write(store, '6'), () => release(store)]) {
        await step();
        counters.push((await rowOf())?.leaseCounter?.N);
      }
      expect(counters).to.deep.equal(['1', '2', '3', '4']);
    });

    it('count the switches of owner, from one to another only, until a checkpoint', async () => {
      const switches = async () => (await rowOf())?.ownerSwitchesSinceCheckpoint?.N;
      await putRow(kclRow({ leaseOwner: { S: 'gone' } }));
      // Nobody renews it: it is taken when the failover time is over.
      const store = worker('w1', { failoverTimeMs: 1_500, lookIntervalMs: 100 });
      await take(store);
      expect(await switches()).to.equal('1');
      await write(store, `${sequenceNumber}0`);
      expect(await switches()).to.equal('0');
      await release(store);
      expect(await switches()).to.equal('0');
    });
  });

  describe('reading', () => {
    for (const sentinel of ['TRIM_HORIZON', 'LATEST', 'AT_TIMESTAMP']) {
      it(`gives the word of a shard that is to begin at ${sentinel}`, async () => {
        await putRow(kclRow({ checkpoint: { S: sentinel } }));
        expect(await readFrom(worker('w1'), shard)).to.deep.equal(checkpointOf(shard, sentinel));
      });
    }

    for (const [stored, sub] of [
      [sequenceNumber, 7],
      ['SHARD_END', 0],
    ] as const) {
      it(`gives what KCL stored: ${stored}`, async () => {
        await putRow(kclRow({ checkpoint: { S: stored }, checkpointSubSequenceNumber: { N: String(sub) } }));
        expect(await readFrom(worker('w1'), shard)).to.deep.equal(checkpointOf(shard, stored, sub));
      });
    }

    it('makes no row', async () => {
      await readFrom(worker('w1'), shard);
      expect(await rowOf()).to.equal(undefined);
    });

    it('gives the checkpoint after the lease is released', async () => {
      const store = worker('w1');
      await take(store);
      await write(store, '5');
      await release(store);
      expect(await readFrom(store, shard)).to.deep.equal({ ...checkpointOf(shard, '5'), shardStart: '0' });
    });
  });

  describe('a malformed row', () => {
    const malformed: Record<string, [Row, attribute: string]> = {
      'without leaseCounter': [omit(kclRow(), 'leaseCounter'), 'leaseCounter'],
      'with a leaseCounter that is text': [kclRow({ leaseCounter: { S: '4' } }), 'leaseCounter'],
      'with a broken leaseCounter': [kclRow({ leaseCounter: { N: '1.5' } }), 'leaseCounter'],
      'without checkpoint': [omit(kclRow(), 'checkpoint'), 'checkpoint'],
      'with a checkpoint that is no position': [kclRow({ checkpoint: { S: 'YESTERDAY' } }), 'checkpoint'],
      'with a negative sub-sequence number': [kclRow({ checkpointSubSequenceNumber: { N: '-1' } }), 'checkpointSubSequenceNumber'],
      'that is another thing of KCL 3.5': [kclRow({ entityType: { S: 'LEADER' } }), 'entityType'],
    };

    for (const [name, [row, attribute]] of Object.entries(malformed)) {
      it(`${name} is an error of that shard, and stays as it is`, async () => {
        const other = shardNamed('shardId-000000000001');
        await putRow(kclRow({ leaseKey: { S: other.shardId } }));
        await putRow(row);
        const events: LeaseEvent[] = [];
        const store = worker('w1', { events: { next: (event) => void events.push(event) } });
        for (const error of [await errorOf(readFrom(store, shard)), await errorOf(write(store, `${sequenceNumber}0`))]) {
          expect(error).to.satisfy(isInvalidValue);
          expect((error as Error).message)
            .to.include(tableName)
            .and.include(shard.shardId)
            .and.include(attribute);
        }
        expect(await rowOf()).to.deep.equal(row);
        void take(store);
        expect(await take(store, other)).to.have.property('fencingToken');
        // What is no lease is passed over.
        const unreadable = events.filter((event) => event.type === 'leaseUnreadable').map(({ shardId }) => shardId);
        expect(unreadable).to.deep.equal(row.entityType ? [] : [shard.shardId]);
        expect(await rowOf()).to.deep.equal(row);
      });
    }
  });

  describe('a lease', () => {
    it('has a token that grows with every tenure', async () => {
      const tokens: string[] = [];
      for (const store of [worker('w1'), worker('w2'), worker('w1')]) {
        tokens.push((await take(store)).fencingToken);
        await release(store);
      }
      expect(tokens).to.deep.equal(['1', '3', '5']);
    });

    it('that another worker took is lost at the next write, which writes nothing', async () => {
      const first = worker('w1');
      const lease = await take(first);
      const losses = countOf(lease);
      await write(first, '5');
      await steal('w2');
      expect(losses).to.include({ values: 0 });

      const before = await rowOf();
      const error = await errorOf(write(first, '6'));

      expect(error).to.satisfy(isLeaseLost);
      expect(error).to.include({ retriable: false, streamName: 'flights', shardId: shard.shardId });
      expect(await rowOf()).to.deep.equal(before);
      expect(losses).to.deep.equal({ values: 1, completions: 1 });
      expect(countOf(lease)).to.deep.equal({ values: 1, completions: 1 });
    });

    it('that is lost makes no more requests', async () => {
      const { requestHandler, operations } = faultyHandler();
      const first = worker('w1', { client: service().client({ requestHandler }) });
      await take(first);
      await steal('w2');
      await errorOf(write(first, '5'));

      operations.length = 0;
      expect(await errorOf(write(first, '6'))).to.satisfy(isLeaseLost);
      expect(await errorOf(write(first, '7'))).to.satisfy(isLeaseLost);
      await release(first);
      expect(operations).to.deep.equal([]);
    });

    it('is made anew when the row is gone: whoever deleted it did not take it', async () => {
      const store = worker('w1');
      const losses = countOf(await take(store));
      await write(store, '5');
      await client.send(new DeleteItemCommand(key()));
      await write(store, '6');
      expect(await rowOf()).to.deep.include({ leaseOwner: { S: 'w1' }, checkpoint: { S: '6' }, leaseCounter: { N: '4' } });
      expect(losses).to.include({ values: 0 });
    });

    it('has its checkpoint also while the row is gone: a pipeline that begins anew then repeats and skips nothing', async () => {
      const store = worker('w1');
      await take(store);
      await write(store, '5');
      await client.send(new DeleteItemCommand(key()));
      expect(await readFrom(store, shard)).to.deep.equal({ ...checkpointOf(shard, '5'), shardStart: '0' });
    });

    it('is lost to a second process with the same worker id', async () => {
      const [zombie, fresh] = [worker('w1'), worker('w1')];
      await take(zombie);
      await write(zombie, '5');
      await take(fresh);
      expect(await errorOf(write(zombie, '6'))).to.satisfy(isLeaseLost);
      // It would look again, and have the lease of its name back.
      subscriptions[0]!.unsubscribe();
      await write(fresh, '6');
    });

    it('stays while KCL 3 hands it over', async () => {
      await putRow(kclRow());
      const store = worker('w1');
      await take(store);
      // The leader names the next owner and leaves the counter alone, so that the former one can finish.
      await client.send(
        new PutItemCommand({
          TableName: tableName,
          Item: kclRow({ leaseCounter: { N: '413' }, leaseOwner: { S: 'java' }, checkpointOwner: { S: 'w1' } }),
        }),
      );
      await write(store, `${sequenceNumber}0`);
      expect(await rowOf()).to.deep.include({
        checkpointOwner: { S: 'w1' },
        leaseCounter: { N: '414' },
        checkpoint: { S: `${sequenceNumber}0` },
      });
    });

    it('does not let a checkpoint go back, and asks nobody', async () => {
      const { requestHandler, operations } = faultyHandler();
      const store = worker('w1', { client: service().client({ requestHandler }) });
      await take(store);
      await write(store, '10');
      operations.length = 0;
      const error = await errorOf(write(store, '9'));
      expect(error).to.satisfy(isCheckpointError);
      expect(error).to.include({ retriable: false });
      expect(operations).to.deep.equal([]);
    });
  });

  describe('releasing', () => {
    it('leaves the row without owner', async () => {
      const store = worker('w1');
      await take(store);
      await write(store, '5');
      await release(store);
      const row = await rowOf();
      expect(row).to.deep.include({ leaseCounter: { N: '3' }, checkpoint: { S: '5' } });
      expect(row).not.to.have.property('leaseOwner');
    });

    it('ends the tenure: a late write fails and does not take the shard back', async () => {
      const store = worker('w1');
      const losses = countOf(await take(store));
      await release(store);
      const before = await rowOf();
      expect(await errorOf(write(store, '5'))).to.satisfy(isLeaseLost);
      // The release is rung for afterwards.
      expect(omit((await rowOf())!, 'rings')).to.deep.equal(omit(before!, 'rings'));
      expect(losses).to.deep.equal({ values: 0, completions: 1 });
    });

    it('leaves the lease of another worker alone', async () => {
      const first = worker('w1');
      await take(first);
      await steal('w2');
      const before = await rowOf();
      await release(first);
      expect(await rowOf()).to.deep.equal(before);
    });

    it('hands a lease over that was asked for', async () => {
      await putRow(kclRow());
      const store = worker('w1');
      await take(store);
      const asked = kclRow({ leaseCounter: { N: '413' }, leaseOwner: { S: 'java' }, checkpointOwner: { S: 'w1' } });
      await client.send(new PutItemCommand({ TableName: tableName, Item: asked }));
      await release(store);
      expect(await rowOf()).to.deep.equal(
        kclRow({ leaseCounter: { N: '414' }, leaseOwner: { S: 'java' }, ownerSwitchesSinceCheckpoint: { N: '1' } }),
      );
    });

    it('does nothing where nothing was taken', async () => {
      const store = worker('w1');
      await readFrom(store, shard);
      await release(store);
      expect(await rowOf()).to.equal(undefined);
    });
  });

  describe('a lost reply', () => {
    const faulty = (maxAttempts: number) => {
      const handler = faultyHandler();
      return { ...handler, store: worker('w1', { client: service().client({ maxAttempts, requestHandler: handler.requestHandler }) }) };
    };

    it('to a write that the SDK then makes again is no lost lease', async () => {
      const { store, loseReplyOf, operations } = faulty(3);
      const losses = countOf(await take(store));
      operations.length = 0;
      loseReplyOf('UpdateItem');

      await write(store, '5');

      expect(operations).to.deep.equal(['UpdateItem', 'UpdateItem', 'GetItem']);
      expect(await rowOf()).to.deep.include({ checkpoint: { S: '5' }, leaseCounter: { N: '2' } });
      await write(store, '6');
      expect(await rowOf()).to.deep.include({ checkpoint: { S: '6' }, leaseCounter: { N: '3' } });
      expect(losses).to.include({ values: 0 });
    });

    it('to a write that fails is no lost lease for the next, further write', async () => {
      const { store, loseReplyOf } = faulty(1);
      const losses = countOf(await take(store));
      loseReplyOf('UpdateItem');

      const error = await errorOf(write(store, '5'));
      expect(error).to.satisfy(isCheckpointError);
      expect(error).to.include({ retriable: true });
      expect(error).to.have.nested.property('cause.code', 'ECONNRESET');

      await write(store, '6');
      expect(await rowOf()).to.deep.include({ checkpoint: { S: '6' }, leaseCounter: { N: '3' } });
      expect(losses).to.include({ values: 0 });
    });

    it('to a write does not let the next one go back', async () => {
      const { store, loseReplyOf } = faulty(1);
      await take(store);
      loseReplyOf('UpdateItem');
      await errorOf(write(store, '5'));
      expect(await errorOf(write(store, '4'))).to.satisfy(isCheckpointError);
      expect(await readFrom(store, shard)).to.deep.equal({ ...checkpointOf(shard, '5'), shardStart: '0' });
    });

    it('to a write does not hide that another worker took the lease', async () => {
      const { store, loseReplyOf } = faulty(1);
      await take(store);
      loseReplyOf('UpdateItem');
      await errorOf(write(store, '5'));
      await steal('w2');
      expect(await errorOf(write(store, '6'))).to.satisfy(isLeaseLost);
    });

    it('to a take is no lost lease', async () => {
      const { store, loseReplyOf } = faulty(3);
      loseReplyOf('UpdateItem');
      await take(store);
      await write(store, '5');
      expect(await rowOf()).to.deep.include({ leaseOwner: { S: 'w1' }, checkpoint: { S: '5' }, ownerSwitchesSinceCheckpoint: { N: '0' } });
    });

    it('to the making of a row is none', async () => {
      const { store, loseReplyOf } = faulty(3);
      loseReplyOf('PutItem');
      expect(await take(store)).to.include({ fencingToken: '1' });
    });

    it('to a release is none', async () => {
      const { store, loseReplyOf } = faulty(3);
      await take(store);
      loseReplyOf('UpdateItem');
      await release(store);
      expect(await rowOf()).not.to.have.property('leaseOwner');
    });

    it('to the write before a release does not keep the row owned', async () => {
      const { store, loseReplyOf } = faulty(1);
      await take(store);
      loseReplyOf('UpdateItem');
      await errorOf(write(store, '5'));
      await release(store);
      expect(await rowOf()).not.to.have.property('leaseOwner');
      expect(await rowOf()).to.deep.include({ leaseCounter: { N: '3' } });
    });
  });
}

/** How often a lease is lost, and how often that can no more happen. */
function countOf({ lost$ }: Lease): { values: number; completions: number } {
  const counts = { values: 0, completions: 0 };
  from(lost$).subscribe({ next: () => counts.values++, complete: () => counts.completions++ });
  return counts;
}

function omit(row: Row, attribute: string): Row {
  return Object.fromEntries(Object.entries(row).filter(([name]) => name !== attribute));
}

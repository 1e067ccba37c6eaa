import { createServer } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { bufferTime, concatMap, lastValueFrom, Subject, takeUntil, tap, timer } from 'rxjs';
import {
  checkpointEvery,
  fanOut,
  kinesisStream,
  memoryCheckpoints,
  mergeShards,
  recoverFrom,
  withSequenceRanges,
  type KinesisEvent,
  type KinesisRecord,
} from 'rx-kinesis';
import { fanOutPortOf } from '../../lib/kinesis/sdk-fan-out-port.js';
import { EVENT_STREAM, eventMessage, initialResponse } from '../support/event-stream.js';
import { textOf } from '../support/fast-reading.js';
import { startFanOutProxy } from '../support/fan-out-proxy.js';
import { clientsOf, close, listen, startKinesisLocal, type KinesisService } from '../support/kinesis-services.js';
import { TestStream } from '../support/test-stream.js';
import { until } from '../support/until.js';

describe('fanOut, through the SDK, on kinesis-local', function () {
  this.timeout(240_000);
  let service: KinesisService;

  before(async () => void (service = await startKinesisLocal()));
  after(() => service.stop());

  it('reads each record once across three renewals, a connection cut in the middle of an event, and a split', async () => {
    const stream = await TestStream.create(service, 1);
    const closed = new Map<string, object[]>();
    const proxy = await startFanOutProxy(service.endpoint, { lastsMs: 5_500, childrenOf: (shardId) => closed.get(shardId) });
    const { clients, client } = clientsOf(proxy.endpoint);
    const events: KinesisEvent[] = [];
    const read: KinesisRecord[] = [];
    const stop = new Subject<void>();
    const store = memoryCheckpoints();
    const done = lastValueFrom(
      kinesisStream({
        client: client(),
        streamName: stream.name,
        startFrom: 'TRIM_HORIZON',
        reader: fanOut({ consumerName: 'app' }),
        store,
        stop,
        events: { next: (event) => void events.push(event) },
      }).pipe(
        mergeShards((shard) =>
          shard.pipe(
            bufferTime(100),
            withSequenceRanges(),
            recoverFrom(store),
            concatMap(async (block) => (read.push(...block.records), block)),
            checkpointEvery(1_000),
          ),
        ),
      ),
      { defaultValue: undefined },
    );
    try {
      const expired = (): number => proxy.subscriptions.filter(({ end }) => end === 'expired').length;
      const putUntil = (what: string, condition: () => boolean): Promise<void> =>
        until(what, async () => (await stream.put(3), await pause(250), condition()), 60_000);

      await putUntil('a subscription has expired', () => expired() >= 1);
      proxy.cutNextEvent();
      await putUntil('a connection was cut', () => proxy.subscriptions.some(({ end }) => end === 'cut'));
      await putUntil('two more have expired', () => expired() >= 3);
      const children = await stream.split('shardId-000000000000');
      closed.set('shardId-000000000000', await childShards(stream, children));
      await putUntil('all shards are read', () => children.every((child) => read.some(({ shardId }) => shardId === child)));
      await until('all records are read', () => read.length >= stream.count, 60_000);
      stop.next();
      await done;
    } finally {
      stop.next();
      await proxy.stop();
      clients.forEach((each) => each.destroy());
    }

    for (const shardId of stream.shardIds) {
      const texts = read.filter((record) => record.shardId === shardId).map(textOf);
      expect(texts, shardId).to.deep.equal(stream.written(shardId).map(({ text }) => text));
    }
    expect(read).to.have.length(stream.count);
    const reasons = events.flatMap((event) => (event.type === 'shardSubscribed' ? [event.reason] : []));
    expect(reasons.filter((reason) => reason === 'expired').length).to.be.at.least(3);
    expect(reasons).to.include('failed');
    expect(events.map(({ type }) => type)).to.include.members(['consumerRegistered', 'consumerAwaited', 'shardEndReached']);
  });

  it('holds the sender back while nobody takes its events', async () => {
    const offered = 100;
    let sent = 0;
    const payload = { SequenceNumber: '0', PartitionKey: 'key', Data: Buffer.alloc(750_000).toString('base64') };
    const server = createServer((request, response) => {
      request.resume();
      response.writeHead(200, { 'content-type': EVENT_STREAM });
      response.write(initialResponse());
      const push = (): void => {
        const number = String(++sent);
        const message = eventMessage({ Records: [{ ...payload, SequenceNumber: number }], ContinuationSequenceNumber: number });
        if (sent < offered) response.write(message, push);
      };
      push();
    });
    const { clients, client } = clientsOf(`http://127.0.0.1:${await listen(server)}`);
    try {
      const request = { ConsumerARN: 'arn', ShardId: 'shardId-000000000000', StartingPosition: { Type: 'TRIM_HORIZON' } } as const;
      const subscription = await lastValueFrom(fanOutPortOf(client()).subscribeToShard(request));
      const take = async (): Promise<string> => (await lastValueFrom(subscription.next()))!.Records[0]!.SequenceNumber;
      expect(await take()).to.equal('1');
      let before = -1;
      await until('the sender has stopped', async () => (before === (before = sent) ? true : (await pause(300), false)), 20_000);
      // What lies in the buffers of the sockets.
      expect(sent).to.be.below(offered / 2);
      expect([await take(), await take()]).to.deep.equal(['2', '3']);
      subscription.close();
    } finally {
      clients.forEach((each) => each.destroy());
      server.closeAllConnections();
      await close(server);
    }
  });

  it('tells of a subscription that no connection is left for', async () => {
    const stream = await TestStream.create(service, 2);
    const client = service.client({ requestHandler: new NodeHttpHandler({ httpAgent: { maxSockets: 1 } }) });
    const told: string[] = [];
    const failed = (event: KinesisEvent): void => void (event.type === 'readRetry' && told.push((event.error as Error).message));
    const reader = fanOut({ consumerName: 'app' });
    const config = { client, streamName: stream.name, startFrom: 'TRIM_HORIZON', reader, requestTimeoutMs: 2_000 } as const;
    const subscription = kinesisStream({ ...config, events: { next: failed } })
      .pipe(
        mergeShards((shard) => shard),
        tap({ error: (error: unknown) => told.push(String(error)) }),
        takeUntil(timer(60_000)),
      )
      .subscribe();
    await until('it is told', () => told.includes('SubscribeToShard: no answer within 2000 ms'), 30_000);
    subscription.unsubscribe();
  });
});

async function childShards(stream: TestStream, ids: readonly string[]): Promise<object[]> {
  const shards = await stream.shards();
  return ids.map((ShardId) => {
    const { HashKeyRange, ParentShardId } = shards.find((shard) => shard.ShardId === ShardId)!;
    return { ShardId, ParentShards: [ParentShardId], HashKeyRange };
  });
}

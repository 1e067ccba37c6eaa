import { mkdtemp, rm } from 'node:fs/promises';
import type { ChildProcess } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { expect } from 'chai';
import { EMPTY, firstValueFrom, Subject, throwError, timer } from 'rxjs';
import { leaseTable } from '../../lib/dynamodb/index.js';
import type { Block } from '../../lib/index.js';
import { abortConsumers, consume, type Consumer, type ConsumerConfig } from '../support/consumer.js';
import { startDynalite, type DynamoDBService } from '../support/dynamodb-services.js';
import { serverError, startFaultProxy, throttled, type FaultProxy } from '../support/fault-proxy.js';
import { kill, startKinesalite, type KinesisService } from '../support/kinesis-services.js';
import { seededRandom } from '../support/seeded-random.js';
import { TestStream } from '../support/test-stream.js';
import { SERVICE_DEADLINE_MS, until } from '../support/until.js';
import { buildWatchedWorker, startWatchedWorker } from '../support/watched-worker-process.js';
import { Watching } from '../support/watching.js';

const [SHARD_0, SHARD_1] = ['shardId-000000000000', 'shardId-000000000001'];
/** A shard on which nothing is done for so long, in ms, is to be called stuck. Longer than a healthy one needs on a busy machine. */
const STUCK_MS = 4_000;
let tables = 0;

describe('a consumer that is watched', function () {
  this.timeout(180_000);
  let kinesis: KinesisService;
  let dynamodb: DynamoDBService;
  let proxies: { readonly kinesis: FaultProxy; readonly dynamodb: FaultProxy };
  let stream: TestStream;
  let watching: Watching;
  let isProducing = true;
  let producing: Promise<void>;
  let running: Consumer[] = [];

  before(async () => {
    [kinesis, dynamodb] = [await startKinesalite(), await startDynalite()];
    proxies = { kinesis: await startFaultProxy(kinesis.endpoint), dynamodb: await startFaultProxy(dynamodb.endpoint) };
  });
  after(async () => {
    for (const { stop } of [proxies.kinesis, proxies.dynamodb, kinesis, dynamodb]) await stop();
  });
  beforeEach(async () => {
    stream = await TestStream.create(kinesis);
    watching = new Watching();
    isProducing = true;
    producing = produce();
  });
  afterEach(async () => {
    isProducing = false;
    await producing;
    proxies.kinesis.heal();
    proxies.dynamodb.heal();
    // To its end, so that none of its requests meets a service that is gone.
    await Promise.allSettled(running.map((consumer) => consumer.stop()));
    running = [];
    abortConsumers();
    watching.end();
  });

  /** Puts some records into both shards all the time. */
  const produce = async (): Promise<void> => {
    while (isProducing) {
      await stream.put(20);
      await firstValueFrom(timer(50));
    }
  };
  const start = (config: Partial<ConsumerConfig> = {}): Consumer => {
    const table = dynamodb.client({ endpoint: proxies.dynamodb.endpoint, maxAttempts: 1 });
    const store = leaseTable({ client: table, tableName: `leases-${tables++}`, tablePollIntervalMs: 5, events: watching.events$ });
    const watcher = watching.events$;
    const client = kinesis.client({ endpoint: proxies.kinesis.endpoint });
    const consumer = consume({ client, streamName: stream.name, store, watcher, stopTimeoutMs: 10_000, ...config });
    running.push(consumer);
    return consumer;
  };
  const waitFor = (what: string, condition: () => boolean): Promise<void> => until(what, condition, 2 * SERVICE_DEADLINE_MS);
  const passed = (ms: number): Promise<unknown> => firstValueFrom(timer(ms));
  /** Lets it go on for some ticks, so that what should not change could. */
  const goesOn = async (): Promise<void> => {
    const before = watching.figures('recordsProcessed').length;
    await waitFor('it has gone on for a second', () => watching.figures('recordsProcessed').length > before + 10);
  };

  it('is well when nothing happens to it, and processes each record once', async () => {
    const consumer = start();
    await goesOn();
    isProducing = false;
    await producing;
    await consumer.hasDone(stream);
    await waitFor('all are counted', () => watching.figures('recordsProcessed').includes(stream.count));
    expect(watching.ill).to.deep.equal([]);
    expect(watching.last('checkpointSuccessRate')).to.equal(1);
    for (const name of ['recoveryRate', 'throttleRateOfKinesis', 'throttleRateOfDynamoDB'] as const)
      expect(watching.last(name)).to.equal(0);
  });

  it('shows that Kinesis throttles its reads, by as much as it does', async () => {
    const random = seededRandom(1);
    proxies.kinesis.make(({ operation }) => (operation === 'GetRecords' && random() < 0.3 ? throttled : undefined));
    const before = proxies.kinesis.countOf('GetRecords').faults;
    const consumer = start();
    await goesOn();
    await waitFor('it has been throttled often', () => proxies.kinesis.countOf('GetRecords').faults > before + 20);
    expect(watching.last('throttleRateOfKinesis')).to.be.within(0.15, 0.45);
    proxies.kinesis.heal();
    await goesOn();
    const throttles = consumer.eventsOf('readRetry').filter(({ reason }) => reason === 'throttling');
    expect(throttles).to.have.length(proxies.kinesis.countOf('GetRecords').faults - before);
    expect(watching.ill).to.deep.equal(['highErrorRate', 'throttleRateOfKinesis']);
    expect(watching.told).to.include.members(['highErrorRate 0 raised', 'highErrorRate 1 raised']);
  });

  it('shows that DynamoDB throttles its checkpoints, by as much as it does', async () => {
    const random = seededRandom(2);
    const consumer = start();
    await consumer.hasDone(20);
    const before = watching.figures('recordsProcessed').length;
    proxies.dynamodb.make(({ operation }) => (operation === 'UpdateItem' && random() < 0.3 ? throttled : undefined));
    await waitFor('the window is full of it', () => watching.figures('recordsProcessed').length > before + 25);
    expect(watching.last('throttleRateOfDynamoDB')).to.be.within(0.15, 0.45);
    expect(watching.last('checkpointSuccessRate')).to.be.within(0.55, 0.85);
    expect(watching.ill).to.deep.equal(['checkpointSuccessRate', 'highErrorRate', 'throttleRateOfDynamoDB']);
  });

  it('shows which shard is stuck when its work hangs, and that it goes on', async () => {
    watching = new Watching(STUCK_MS);
    const hanging = new Subject<never>();
    let isHanging = false;
    const work = ({ ranges: { ranges } }: Block) => (isHanging && ranges[0]!.shardId === SHARD_1 ? hanging : EMPTY);
    const consumer = start({ work });
    await consumer.hasDone(20);
    const standstills = monitorEventLoopDelay();
    standstills.enable();
    isHanging = true;
    const lagBefore = watching.last('processingLag') ?? 0;
    await waitFor('the shard is stuck', () => watching.alerts.length > 0);
    await waitFor('the lag has grown', () => watching.last('processingLag')! > STUCK_MS + lagBefore);
    isHanging = false;
    hanging.complete();
    await waitFor('the shard goes on', () => watching.alerts.length > 1);
    await waitFor('the lag is small again', () => watching.last('processingLag')! < STUCK_MS);
    expect(watching.told).to.deep.equal(['stuckShard 1 raised', 'stuckShard 1 cleared']);
    const [raised] = watching.alerts;
    expect(raised).to.include({ streamName: stream.name, shardId: SHARD_1, limit: STUCK_MS });
    expect(raised!.value)
      .to.be.above(STUCK_MS)
      .and.below(STUCK_MS + 500 + standstills.max / 1e6);
    expect(watching.ill).to.deep.equal(['processingLag', 'stuckShard']);
  });

  it('shows which shard fails when its work throws for a while, and that it does well again', async () => {
    let errors = 0;
    const work = ({ ranges: { ranges } }: Block) =>
      ranges[0]!.shardId === SHARD_0 && errors-- > 0 ? throwError(() => new Error('the sink is down')) : EMPTY;
    const consumer = start({ work, restart: { maxRestarts: 100, initialDelayMs: 5, maxDelayMs: 20 } });
    await consumer.hasDone(20);
    errors = 8;
    await waitFor('it fails too often', () => watching.alerts.length > 0);
    await waitFor('it does well again', () => watching.alerts.length > 1);
    expect(watching.told).to.deep.equal(['highErrorRate 0 raised', 'highErrorRate 0 cleared']);
    expect(watching.alerts[0]!.value).to.be.above(0.05);
    expect(watching.alerts[1]!.value).to.be.at.most(0.05);
    expect(watching.ill).to.deep.equal(['highErrorRate']);
  });

  it('shows that it recovers from reads that fail', async () => {
    const consumer = start({ retry: { maxRetries: 2, initialDelayMs: 1, maxDelayMs: 2 } });
    await consumer.hasDone(20);
    const before = proxies.kinesis.countOf('GetRecords').faults;
    proxies.kinesis.make(({ operation }) =>
      operation === 'GetRecords' && proxies.kinesis.countOf('GetRecords').faults < before + 20 ? serverError : undefined,
    );
    await waitFor('it has recovered', () => consumer.eventsOf('recovered').length > 0);
    await goesOn();
    // In a window of two seconds or less, in which there was always something to process: all of those of one second are in one.
    const times = consumer.eventsOf('recoveryStarted').map(({ at }) => at);
    const inOneSecond = Math.max(...times.map((from) => times.filter((at) => at >= from && at < from + 1_000).length));
    expect(Math.max(...watching.figures('recoveryRate').map((rate) => rate ?? 0))).to.be.at.least(inOneSecond / 2.1);
    expect(watching.ill).to.deep.equal(['highErrorRate', 'recoveryRate']);
  });

  describe('in another process', () => {
    let directory: string;
    let program: string;
    const workers: ChildProcess[] = [];
    before(async () => {
      directory = await mkdtemp(join(tmpdir(), 'rx-kinesis-'));
      program = await buildWatchedWorker(directory);
    });
    after(async () => {
      await Promise.all(workers.map(kill));
      await rm(directory, { recursive: true });
    });

    it('shows that it is killed, and that another goes on where it was', async () => {
      isProducing = false;
      await producing;
      watching = new Watching(STUCK_MS);
      await stream.put(1_000);
      const settings = { streamName: stream.name, tableName: `leases-${tables++}`, kinesis: kinesis.endpoint, dynamodb: dynamodb.endpoint };
      let settled = 0;
      const openBlocks = new Map<string, number>();
      const startWorker = (workMs: number): ChildProcess => {
        const worker = startWatchedWorker(program, { ...settings, workMs }, (event) => {
          watching.events$.next(event);
          if (event.type !== 'blockOpened' && event.type !== 'blockSettled') return;
          if (event.type === 'blockSettled') settled += event.records;
          openBlocks.set(event.shardId, (openBlocks.get(event.shardId) ?? 0) + (event.type === 'blockOpened' ? 1 : -1));
        });
        workers.push(worker);
        return worker;
      };

      // It needs 15 s for each shard: when it is killed, none is done, however late it took the second one.
      const first = startWorker(300);
      // Two blocks, so that none of the two shards has nothing to do when it is killed.
      const worksOn = (shardId: string): boolean => openBlocks.get(shardId)! > 1;
      await waitFor('it works on both shards', () => settled > 100 && [SHARD_0, SHARD_1].every(worksOn));
      await kill(first);
      await waitFor('it is seen to be gone', () => watching.alerts.length === 2);
      await waitFor('nothing is processed any more', () => watching.figures('recordsProcessed').at(-1) === undefined);
      const lagWithout = watching.last('processingLag')!;
      expect(lagWithout).to.be.above(STUCK_MS);
      expect(watching.told.sort()).to.deep.equal(['stuckShard 0 raised', 'stuckShard 1 raised']);

      startWorker(20);
      await waitFor('another has gone on', () => watching.alerts.length === 4);
      expect(watching.told.slice(2).sort()).to.deep.equal(['stuckShard 0 cleared', 'stuckShard 1 cleared']);
      await waitFor('all is done', () => settled >= stream.count);
      await waitFor('the lag is small again', () => watching.last('processingLag')! < STUCK_MS);
      // Some are settled twice: those after the last checkpoint.
      expect(settled).to.be.within(stream.count, stream.count + 80);
      await passed(200);
      expect(watching.ill).to.deep.equal(['processingLag', 'stuckShard']);
    });
  });
});

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ScanCommand } from '@aws-sdk/client-dynamodb';
import { expect } from 'chai';
import { startDynalite, type DynamoDBService } from '../support/dynamodb-services.js';
import { buildFleetProgram, startFleetProcess, type FleetLine, type FleetProcess } from '../support/fleet-process.js';
import { startKinesalite, type KinesisService } from '../support/kinesis-services.js';
import { TestStream } from '../support/test-stream.js';
import { SERVICE_DEADLINE_MS, until } from '../support/until.js';

const FAILOVER_MS = 3_000;
const SHARDS = 8;

describe(`workers in processes of their own, which share ${SHARDS} shards`, function () {
  this.timeout(120_000);
  let kinesis: KinesisService;
  let dynamodb: DynamoDBService;
  let directory: string;
  let program: string;
  let stream: TestStream;
  let feeding: ReturnType<typeof setInterval> | undefined;
  let feeds: Promise<unknown> = Promise.resolve();
  const fleet: FleetProcess[] = [];
  before(async () => {
    [kinesis, dynamodb] = [await startKinesalite(), await startDynalite()];
    directory = await mkdtemp(join(tmpdir(), 'rx-kinesis-'));
    program = await buildFleetProgram(directory);
  });
  after(async () => {
    await kinesis.stop();
    await dynamodb.stop();
    await rm(directory, { recursive: true });
  });
  beforeEach(async () => (stream = await TestStream.create(kinesis, SHARDS)));
  afterEach(async () => {
    await stopFeeding();
    await Promise.all(fleet.splice(0).map((worker) => worker.kill()));
  });

  const start = (workerId: string, failoverTimeMs = 10_000): FleetProcess => {
    const worker = startFleetProcess(program, {
      ...{ streamName: stream.name, tableName: stream.name, kinesis: kinesis.endpoint, dynamodb: dynamodb.endpoint },
      ...{ file: join(directory, `${stream.name}-${workerId}`), workerId, failoverTimeMs },
    });
    fleet.push(worker);
    return worker;
  };
  /** Puts some records each 100 ms. */
  const feed = (): void => {
    feeding = setInterval(() => {
      feeds = feeds.then(() => stream.put(16));
    }, 100);
  };
  const stopFeeding = async (): Promise<void> => {
    clearInterval(feeding);
    await feeds;
  };
  const rows = async () => (await dynamodb.client().send(new ScanCommand({ TableName: stream.name, ConsistentRead: true }))).Items ?? [];
  const owners = async (): Promise<string[]> => (await rows()).map((row) => row.leaseOwner?.S ?? '');
  /** How many leases each worker has; none while one is being handed over. */
  const ownCounts = async (): Promise<number[]> => {
    const items = await rows();
    if (items.some(({ checkpointOwner }) => checkpointOwner)) return [];
    const held = items.map((row) => row.leaseOwner?.S ?? '');
    return [...new Set(held)].map((owner) => held.filter((other) => other === owner).length).sort();
  };
  const balanced = (...counts: number[]) =>
    until(
      `the leases are shared as ${counts.join()}`,
      async () => String(await ownCounts().catch(() => [])) === String(counts),
      SERVICE_DEADLINE_MS,
    );
  const lines = (): FleetLine[] => fleet.flatMap((worker) => worker.lines());
  const records = (): FleetLine[] => lines().filter(({ type }) => type === 'record');
  const allDone = async (): Promise<void> => {
    await stopFeeding();
    await until(
      'all records are done',
      () => new Set(records().map(({ sequenceNumber }) => sequenceNumber)).size === stream.count,
      SERVICE_DEADLINE_MS,
    );
  };
  /** How often records were done again. */
  const repeats = (): number => records().length - new Set(records().map(({ sequenceNumber }) => sequenceNumber)).size;
  /** How long after `at` another worker began to read each of these shards; the emulator's own time is no part of it. */
  const silences = (shardIds: readonly string[], at: number, gone: string): number[] =>
    shardIds.map((shardId) => {
      const next = lines().filter(
        (line) => line.type === 'shardStarted' && line.shardId === shardId && line.at > at && line.workerId !== gone,
      );
      return Math.min(...next.map((line) => line.at)) - at;
    });
  const shardsOf = (worker: FleetProcess): string[] => [
    ...new Set(worker.lines().flatMap((line) => (line.type === 'record' ? line.shardId! : []))),
  ];
  const heldBy = async (workerId: string): Promise<string[]> =>
    (await rows()).flatMap((row) => (row.leaseOwner?.S === workerId ? row.leaseKey!.S! : []));
  const three = async (failoverTimeMs?: number): Promise<FleetProcess[]> => {
    feed();
    const workers = ['w1', 'w2', 'w3'].map((workerId) => start(workerId, failoverTimeMs));
    await balanced(2, 3, 3);
    const isAtWork = async (worker: FleetProcess): Promise<boolean> => {
      const held = new Set<string>();
      for (const { type, shardId } of worker.lines())
        if (type === 'shardStarted') held.add(shardId!);
        else if (type === 'shardReleased') held.delete(shardId!);
      return shardsOf(worker).length > 0 && (await heldBy(worker.workerId)).every((shardId) => held.has(shardId));
    };
    await until(
      'all are at work on what they hold',
      async () => (await Promise.all(workers.map(isAtWork))).every(Boolean),
      SERVICE_DEADLINE_MS,
    );
    return workers;
  };

  it('starts together, and reads everything', async () => {
    const workers = await three();
    await allDone();
    await Promise.all(workers.map((worker) => worker.stop()));
    expect(lines().filter(({ type }) => type === 'failed')).to.deep.equal([]);
    expect(await owners()).to.deep.equal(Array<string>(SHARDS).fill(''));
    expect(repeats()).to.equal(0);
  });

  it('reads on within the failover time and 2 s when one is killed', async () => {
    const [victim] = await three(FAILOVER_MS);
    const orphans = await heldBy('w1');
    const at = Date.now();
    await victim!.kill();
    await balanced(4, 4);
    await until('all shards are read', () => Math.max(...silences(orphans, at, 'w1')) < Infinity, SERVICE_DEADLINE_MS);
    expect(Math.max(...silences(orphans, at, 'w1'))).to.be.below(FAILOVER_MS + 2_000);
    await allDone();
  });

  it('reads on in less than a second, and repeats nothing, when one is stopped', async () => {
    const [victim] = await three();
    const at = Date.now();
    const orphans = await heldBy('w1');
    await victim!.stop();
    await balanced(4, 4);
    await until('all shards are read', () => Math.max(...silences(orphans, at, 'w1')) < Infinity, SERVICE_DEADLINE_MS);
    await allDone();
    expect(repeats()).to.equal(0);
    // From the moment at which it had finished with a shard.
    const released = victim!.lines().filter(({ type, at: when }) => type === 'leaseReleased' && when >= at);
    expect(released.map(({ shardId }) => shardId)).to.include.members(orphans);
    expect(Math.max(...released.flatMap((line) => silences([line.shardId!], line.at, 'w1')))).to.be.below(1_000);
  });

  it('stops its work, and writes nothing, when it comes back from a pause longer than the failover time', async () => {
    const [sleeper] = await three(FAILOVER_MS);
    const orphans = await heldBy('w1');
    const pausedAt = Date.now();
    sleeper!.signal('SIGSTOP');
    await until('the others read its shards', () => Math.max(...silences(orphans, pausedAt, 'w1')) < Infinity, SERVICE_DEADLINE_MS);
    expect(await heldBy('w1')).to.deep.equal([]);
    const at = Date.now();
    sleeper!.signal('SIGCONT');
    await until(
      'it has lost its leases',
      () => sleeper!.lines().filter(({ type }) => type === 'leaseLost').length >= orphans.length,
      SERVICE_DEADLINE_MS,
    );
    const afterwards = sleeper!.lines().filter((line) => line.at >= at);
    const lostAt = Math.max(...afterwards.filter(({ type }) => type === 'leaseLost').map((line) => line.at));
    // The answer to a write that was sent before the pause may have waited for it: that write was there when the next owner began.
    const isLate = ({ shardId, sequenceNumber }: FleetLine): boolean => {
      const next = lines().find(
        (line) => line.type === 'shardStarted' && line.shardId === shardId && line.workerId !== 'w1' && line.at > pausedAt,
      );
      return !(BigInt(sequenceNumber!) <= BigInt((next!.start as FleetLine).sequenceNumber!));
    };
    const written = afterwards.filter(
      (line) => line.type === 'checkpointWritten' && orphans.includes(line.shardId!) && line.at <= lostAt && isLate(line),
    );
    expect(written).to.deep.equal([]);
    const worked = afterwards.filter(({ type, shardId, at: when }) => type === 'record' && orphans.includes(shardId!) && when <= lostAt);
    // What was in its last step when it was stopped may still come out.
    expect(worked.length).to.be.below(100);
    await allDone();
    await balanced(2, 3, 3);
  });

  it('hands shards over to a fourth without repeating anything, and a rolling deploy of all repeats nothing', async () => {
    await three();
    start('w4');
    await balanced(2, 2, 2, 2);
    for (const [index, worker] of fleet.slice(0, 4).entries()) {
      start(`w${index + 5}`);
      await until('the new one reads', () => shardsOf(fleet.at(-1)!).length > 0, SERVICE_DEADLINE_MS);
      await worker.stop();
    }
    await balanced(2, 2, 2, 2);
    await allDone();
    expect(repeats()).to.equal(0);
    expect(lines().filter(({ type }) => type === 'leaseLost')).to.deep.equal([]);
  });
});

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { ScanCommand, type AttributeValue } from '@aws-sdk/client-dynamodb';
import Table from 'cli-table3';
import { missingForDynamoDBLocal, startDynalite, startDynamoDBLocal, type DynamoDBService } from '../../support/dynamodb-services.js';
import { kclLines, unbuiltLines, type KclLine } from '../../interop/kcl-lines.js';
import {
  buildFleetProgram,
  startFleetProcess,
  type FleetLine,
  type FleetProcess,
  type FleetSettings,
} from '../../support/fleet-process.js';
import { startKinesalite, type KinesisService } from '../../support/kinesis-services.js';
import { TestStream } from '../../support/test-stream.js';
import { until } from '../../support/until.js';
import { startKclFleetProcess } from './kcl-fleet.js';

const SHARDS = 8;
const FAILOVER_MS = 10_000;
/** One record a shard each so often, so that the emulator's own time counts for little. */
const FEED_MS = 200;
/** KCL moves one lease at a time from worker to worker. */
const LIMIT_MS = 600_000;
/** For so long leases that nobody moves stay where they are, where workers do not share them by number. */
const SETTLED_MS = 60_000;

interface Outcome {
  readonly event: string;
  /** Until another worker had opened the shard; the rest of the silence is the emulator's first page, and the work. */
  readonly openedMs: readonly number[];
  readonly silentMs: readonly number[];
  readonly repeats: number;
  readonly lost: number;
}

/** Starts a worker of the fleet. */
type Start = (settings: FleetSettings) => FleetProcess;

interface Scene {
  readonly workers: FleetProcess[];
  readonly start: (workerId: string) => FleetProcess;
  /** The shards of a worker. */
  readonly heldBy: (workerId: string) => Promise<string[]>;
  /** Waits until the leases are shared evenly among so many workers. */
  readonly balanced: (workers: number) => Promise<void>;
}

/** What happens; returns the shards that move, when it happened, and to whom. */
type Event = (scene: Scene) => Promise<{ readonly at: number; readonly shards: readonly string[]; readonly gone: string }>;

const ended =
  (end: (worker: FleetProcess) => unknown): Event =>
  async ({ workers, heldBy }) => {
    const held = await Promise.all(workers.map(async (worker) => ({ worker, shards: await heldBy(worker.workerId) })));
    const { worker, shards } = held.sort((a, b) => b.shards.length - a.shards.length)[0]!;
    const at = Date.now();
    void end(worker);
    return { at, shards, gone: worker.workerId };
  };

/** What happens to the worker that has the most leases. */
const endings: Readonly<Record<string, Event>> = {
  'kill -9': ended((worker) => worker.kill()),
  SIGTERM: ended((worker) => worker.stop()),
  'SIGSTOP for 20 s': ended(async (worker) => {
    worker.signal('SIGSTOP');
    await pause(2 * FAILOVER_MS);
    worker.signal('SIGCONT');
  }),
};
const events: Readonly<Record<string, Event>> = {
  ...endings,
  'a fourth joins': async ({ start, balanced, heldBy }) => {
    const at = Date.now();
    start('w4');
    await balanced(4);
    return { at, shards: await heldBy('w4'), gone: '' };
  },
  'rolling deploy': async ({ workers, start, balanced }) => {
    const at = Date.now();
    for (const [index, worker] of workers.slice(0, 3).entries()) {
      start(`n${index}`);
      await balanced(4);
      await worker.stop();
      await balanced(3);
    }
    return { at, shards: [], gone: '' };
  },
};

const HELP = `Usage: npm run bench:fleet -- [options]

Three workers in processes of their own share eight shards of kinesalite, with KCL's failover time; records are put all the time. To one of them
something happens. Prints for how long the shards that moved were silent: from the event to the first record that another worker finished.
About five minutes. Without the package for DynamoDB Local it takes dynalite, and says so.

  --kcl LIST    then the same with workers of the real KCL of these lines, such as 2,3, but for what only moves leases: KCL takes its time for
                that, and 3.x shares by load and not by number. npm run build:kcl must have run. About ten minutes each
  --only LIST   some of: ${Object.keys(events).join(', ')}
  --help        this text`;

const { values: options } = parseArgs({
  options: { kcl: { type: 'string' }, only: { type: 'string' }, help: { type: 'boolean', default: false } },
});
if (options.help) console.log(HELP);
else await bench();

async function bench(): Promise<void> {
  const lines = options.kcl === undefined ? [] : options.kcl.split(',').map(lineOf);
  const chosen = options.only === undefined ? Object.keys(events) : options.only.split(',').map(eventOf);
  const directory = await mkdtemp(join(tmpdir(), 'rx-kinesis-fleet-'));
  const missing = missingForDynamoDBLocal();
  const [kinesis, dynamodb] = [await startKinesalite(), await (missing === undefined ? startDynamoDBLocal() : startDynalite())];
  try {
    const program = await buildFleetProgram(directory);
    const table = missing === undefined ? 'DynamoDB Local' : `dynalite (${missing})`;
    console.log(`3 workers in processes of their own, ${SHARDS} shards, failover time ${FAILOVER_MS / 1_000} s; kinesalite and ${table}`);
    const place = { directory, kinesis, dynamodb };
    const measure = async (name: string, names: readonly string[], stage: Pick<Stage, 'isFair' | 'start'>): Promise<void> => {
      const outcomes: Outcome[] = [];
      for (const event of names) outcomes.push(await follow({ ...place, ...stage }, event));
      console.log(`\n${name}\n${tableOf(outcomes)}`);
      if (outcomes.some(({ lost }) => lost > 0)) process.exitCode = 1;
    };
    await measure('this package', chosen, { start: (settings) => startFleetProcess(program, settings), isFair: true });
    const ends = chosen.filter((event) => event in endings);
    for (const line of lines)
      await measure(`KCL ${line.version}`, ends, { start: (settings) => startKclFleetProcess(line, settings), isFair: line.major === 2 });
  } finally {
    await Promise.all([kinesis.stop(), dynamodb.stop()]);
    await rm(directory, { recursive: true });
  }
}

function lineOf(major: string): KclLine {
  const line = kclLines.find((each) => String(each.major) === major);
  if (!line) throw new Error(`--kcl: expected some of ${kclLines.map((each) => each.major).join()}, got ${major}`);
  if (unbuiltLines().includes(line)) throw new Error(`--kcl: the worker of KCL ${line.version} is not built: npm run build:kcl`);
  return line;
}

function eventOf(name: string): string {
  if (!(name in events)) throw new Error(`--only: expected some of ${Object.keys(events).join(', ')}, got ${name}`);
  return name;
}

/** Where workers share a stream, and how they are started. */
interface Stage {
  readonly directory: string;
  readonly kinesis: KinesisService;
  readonly dynamodb: DynamoDBService;
  readonly start: Start;
  /** Whether the workers share the leases by number. */
  readonly isFair: boolean;
}

async function follow({ directory, kinesis, dynamodb, start: startWorker, isFair }: Stage, event: string): Promise<Outcome> {
  const stream = await TestStream.create(kinesis, SHARDS);
  const workers: FleetProcess[] = [];
  const start = (workerId: string): FleetProcess => {
    const worker = startWorker({
      ...{ streamName: stream.name, tableName: stream.name, kinesis: kinesis.endpoint, dynamodb: dynamodb.endpoint },
      ...{ file: join(directory, `${stream.name}-${workerId}`), workerId, failoverTimeMs: FAILOVER_MS, idleDelayMs: 200 },
    });
    workers.push(worker);
    return worker;
  };
  const rows = async () => (await dynamodb.client().send(new ScanCommand({ TableName: stream.name, ConsistentRead: true }))).Items ?? [];
  const heldBy = async (workerId: string): Promise<string[]> =>
    (await rows()).flatMap((row) => (row.leaseOwner?.S === workerId ? row.leaseKey!.S! : []));
  const balanced = (count: number): Promise<void> =>
    until(`${count} workers share the leases`, async () => isBalanced(await rows().catch(() => []), count), LIMIT_MS);
  const records = (): FleetLine[] => workers.flatMap((worker) => worker.lines().filter(({ type }) => type === 'record'));
  let puts: Promise<unknown> = Promise.resolve();
  const feeding = setInterval(() => {
    puts = puts.then(() => stream.put(SHARDS));
  }, FEED_MS);
  try {
    ['w1', 'w2', 'w3'].forEach(start);
    if (isFair) await balanced(3);
    else await until('all leases have an owner', async () => isOwned(await rows().catch(() => [])), LIMIT_MS).then(() => pause(SETTLED_MS));
    const isAtWork = (worker: FleetProcess): boolean => worker.lines().some(({ type }) => type === 'record');
    await until('they are at work', () => (isFair ? workers.every(isAtWork) : workers.some(isAtWork)), LIMIT_MS);
    await pause(2_000);
    const { at, shards, gone } = await events[event]!({ workers, start, heldBy, balanced });
    const begun = () => workers.flatMap((worker) => worker.lines().filter(({ type }) => type === 'shardStarted'));
    const after = (lines: readonly FleetLine[]) => shards.map((shardId) => firstAfter(lines, { shardId, at, gone }) - at);
    const silences = () => after(records());
    await until('the shards are read again', () => silences().every((ms) => ms < Infinity), LIMIT_MS);
    clearInterval(feeding);
    await puts;
    const done = () => new Set(records().map(({ sequenceNumber }) => sequenceNumber));
    await until('all is done', () => done().size === stream.count, LIMIT_MS).catch(() => undefined);
    const isHandOver = gone === '';
    const silentMs = isHandOver ? longestPauses(records(), at) : silences();
    return {
      event,
      silentMs,
      openedMs: isHandOver ? [] : after(begun()),
      repeats: records().length - done().size,
      lost: stream.count - done().size,
    };
  } finally {
    clearInterval(feeding);
    await puts;
    workers.forEach((worker) => worker.signal('SIGCONT'));
    await Promise.all(workers.map((worker) => worker.kill()));
  }
}

function isOwned(items: readonly Record<string, AttributeValue>[]): boolean {
  const leases = items.filter(({ leaseKey, checkpoint }) => leaseKey && checkpoint);
  return leases.length === SHARDS && leases.every(({ checkpointOwner, leaseOwner }) => leaseOwner && !checkpointOwner);
}

function isBalanced(items: readonly Record<string, AttributeValue>[], count: number): boolean {
  if (!isOwned(items)) return false;
  const owners = items.map((row) => row.leaseOwner!.S!);
  const counts = [...new Set(owners)].map((owner) => owners.filter((other) => other === owner).length);
  return counts.length === count && Math.max(...counts) <= Math.ceil(SHARDS / count);
}

function firstAfter(lines: readonly FleetLine[], of: { readonly shardId: string; readonly at: number; readonly gone: string }): number {
  return Math.min(
    ...lines.filter((line) => line.shardId === of.shardId && line.at > of.at && line.workerId !== of.gone).map(({ at }) => at),
  );
}

/** For each shard the longest time between two of its records from then on: of shards that are handed over, or are not. */
function longestPauses(lines: readonly FleetLine[], since: number): number[] {
  const shardIds = [...new Set(lines.map(({ shardId }) => shardId!))];
  return shardIds.map((shardId) => {
    const times = lines.filter((line) => line.shardId === shardId && line.at > since).map(({ at }) => at);
    const sorted = times.sort((a, b) => a - b);
    return Math.max(0, ...sorted.slice(1).map((at, index) => at - sorted[index]!));
  });
}

function tableOf(outcomes: readonly Outcome[]): string {
  const table = new Table({
    head: ['', 'shard opened after, s', 'silent for, s', 'records done again', 'lost'],
    style: { head: [], border: [] },
  });
  const span = (ms: readonly number[]): string =>
    ms.length === 0 ? '-' : [Math.min(...ms), Math.max(...ms)].map((each) => (each / 1_000).toFixed(1)).join(' to ');
  for (const { event, openedMs, silentMs, repeats, lost } of outcomes) table.push([event, span(openedMs), span(silentMs), repeats, lost]);
  return table.toString();
}

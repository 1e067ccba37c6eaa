import { GetRecordsCommand } from '@aws-sdk/client-kinesis';
import { setTimeout as sleep } from 'node:timers/promises';
import { bufferTime, concatMap, from, mergeMap, NEVER, of, type Observable } from 'rxjs';
import {
  blockWithin,
  checkpointEvery,
  kinesisStream,
  memoryCheckpoints,
  mergeShards,
  recoverFrom,
  withSequenceRanges,
  type Block,
  type KinesisRecord,
  type KinesisStreamConfig,
  type Shard,
} from 'rx-kinesis';
import { benchClient } from './bench-client.js';
import { EMPTY_PAGE, idlePort } from './idle-port.js';

/** One run, in a process of its own, which is started with `--expose-gc`. */
export interface IdleOrder {
  readonly subject: keyof typeof SUBJECTS;
  readonly shards: number;
  /** The port of the server of empty pages. */
  readonly port: number;
  /** How long the process runs before its clock starts: code is compiled, and the pauses have reached their length. */
  readonly warmupMs: number;
  /** How long the clock runs. */
  readonly measuredMs: number;
}

/** What a run took. */
export interface IdleResult {
  readonly wallMs: number;
  /** User and system time of the process. */
  readonly cpuMs: number;
  /** Calls of GetRecords. */
  readonly reads: number;
  /** The heap in use after a collection, in bytes. */
  readonly heapBytes: number;
  readonly residentBytes: number;
}

const STREAM = 'records';
const SUBJECTS = {
  /** Nothing: what the process itself takes. */
  empty: () => undefined,
  /** What `bufferTime(200)` alone takes. */
  buffers: bufferSilence,
  shards: () => read({ client: idlePort(order.shards, noteRead) }, (shard) => shard),
  within: () => read({ client: idlePort(order.shards, noteRead) }, withinPipeline),
  pipeline: () => read({ client: idlePort(order.shards, noteRead) }, pipeline),
  'sdk-shards': () => readThroughSdk((shard) => shard),
  'sdk-within': () => readThroughSdk(withinPipeline),
  'sdk-pipeline': () => readThroughSdk(pipeline),
  'sdk-loops': readWithLoops,
} as const satisfies Readonly<Record<string, () => void>>;

const order = JSON.parse(process.argv[2] ?? '{}') as IdleOrder;
const store = memoryCheckpoints();
let reads = 0;

SUBJECTS[order.subject]();
await sleep(order.warmupMs);
const cpu = process.cpuUsage();
const [startMs, readsBefore] = [performance.now(), reads];
await sleep(order.measuredMs);
const wallMs = performance.now() - startMs;
const { user, system } = process.cpuUsage(cpu);
const measured = { wallMs, cpuMs: (user + system) / 1_000, reads: reads - readsBefore };
globalThis.gc?.();
const { heapUsed: heapBytes, rss: residentBytes } = process.memoryUsage();
process.send?.({ ...measured, heapBytes, residentBytes } satisfies IdleResult, () => process.exit());

function noteRead(): void {
  reads++;
}

function read(config: Pick<KinesisStreamConfig, 'client' | 'events'>, project: (shard: Shard) => Observable<unknown>): void {
  kinesisStream({ streamName: STREAM, startFrom: 'TRIM_HORIZON', store, ...config })
    .pipe(mergeShards(project))
    .subscribe();
}

function readThroughSdk(project: (shard: Shard) => Observable<unknown>): void {
  read({ client: benchClient(order.port), events: { next: ({ type }) => void (type === 'pageRead' && noteRead()) } }, project);
}

/** The pipeline of the README. */
function pipeline(shard: Shard): Observable<Block> {
  return shard.pipe(bufferTime(200), checkpointed);
}

/** The same, with the operator that has a timer only while a block is under way. */
function withinPipeline(shard: Shard): Observable<Block> {
  return shard.pipe(blockWithin(200), checkpointed);
}

/** Its operators after the one that makes the blocks. */
function checkpointed(blocks: Observable<KinesisRecord[]>): Observable<Block> {
  return blocks.pipe(
    withSequenceRanges(),
    recoverFrom(store),
    concatMap((block) => of(block)),
    checkpointEvery(30_000),
  );
}

function bufferSilence(): void {
  from(Array(order.shards).keys())
    .pipe(mergeMap(() => NEVER.pipe(bufferTime(200))))
    .subscribe();
}

/** Reads each shard as often as the pipeline does: a second after the last answer. */
function readWithLoops(): void {
  const client = benchClient(order.port);
  const loop = async (): Promise<void> => {
    await sleep(1_000 * Math.random());
    for (let { NextShardIterator: ShardIterator } = EMPTY_PAGE; ;) {
      const page: { NextShardIterator?: string } = await client.send(new GetRecordsCommand({ ShardIterator, Limit: 10_000 }));
      noteRead();
      ShardIterator = page.NextShardIterator;
      await sleep(1_000);
    }
  };
  for (let i = 0; i < order.shards; i++) void loop();
}

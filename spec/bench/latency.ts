import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import {
  CreateStreamCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  PutRecordCommand,
  waitUntilStreamExists,
  type KinesisClient,
} from '@aws-sdk/client-kinesis';
import { bufferTime, concatMap, Observable, of, Subject, type OperatorFunction } from 'rxjs';
import {
  blockPerPage,
  checkpointEvery,
  kinesisStream,
  memoryCheckpoints,
  mergeShards,
  withSequenceRanges,
  type KinesisRecord,
  type KinesisStreamConfig,
} from 'rx-kinesis';
import { clientsOf } from '../support/kinesis-services.js';
import { messageOf, startChild } from './child.js';

const HELP = `Usage: tsx spec/bench/latency.ts [options]

Puts records at random times into one stream a reader, on kinesalite in a process of its own, and prints how long each took from its put
to the handler. All readers run at once.

  --seconds N     how long records are put  (default 30)
  --rate N        puts a second             (default 10)
  --quick         4 seconds: shows that it works, its figures mean nothing
  --help          this text`;

const SHARD_ID = 'shardId-000000000000';

/** Reads a stream until it is unsubscribed; emits the payloads when they reach the handler. */
type Reading = (client: KinesisClient, streamName: string, noteRead: () => void) => Observable<Uint8Array>;

const READERS: Readonly<Record<string, Reading>> = {
  'hand loop, a read each 200 ms': handLoop,
  "latency: 'low', blockPerPage": pipeline(blockPerPage(), { latency: 'low' }),
  'default, blockPerPage': pipeline(blockPerPage()),
  'default, bufferTime(200)': pipeline(bufferTime(200)),
};

/** What one reader reached. Times are in ms from before a put to the handler. */
export interface LatencyResult {
  readonly name: string;
  readonly records: number;
  readonly p50: number;
  readonly p99: number;
  readonly readsPerSecond: number;
  /** The ratio of the medians to that of the hand loop. */
  readonly toHand: number;
}

/** Measures all readers at once. @throws when a reader did not get every record. */
export async function measureLatency({ seconds = 30, rate = 10 } = {}): Promise<LatencyResult[]> {
  const server = startChild('kinesalite-server.ts', {});
  const { client, clients } = clientsOf(await messageOf<string>(server));
  try {
    const runs = await Promise.all(
      Object.entries(READERS).map(async ([name, read], i) => ({ name, ...(await run(client, `latency-${i}`, read, { seconds, rate })) })),
    );
    const handMs = percentile(runs[0]!.delays, 0.5);
    return runs.map(({ name, delays, reads }) => ({
      name,
      records: delays.length,
      p50: percentile(delays, 0.5),
      p99: percentile(delays, 0.99),
      readsPerSecond: reads / seconds,
      toHand: percentile(delays, 0.5) / handMs,
    }));
  } finally {
    for (const each of clients) each.destroy();
    server.kill();
  }
}

/** Puts records for some seconds, and waits until all are read. */
async function run(client: () => KinesisClient, streamName: string, read: Reading, { seconds, rate }: { seconds: number; rate: number }) {
  const [writer, reader] = [client(), client()];
  await writer.send(new CreateStreamCommand({ StreamName: streamName, ShardCount: 1 }));
  await waitUntilStreamExists({ client: writer, maxWaitTime: 10, minDelay: 1 }, { StreamName: streamName });
  const delays: number[] = [];
  let reads = 0;
  const reading = read(reader, streamName, () => reads++).subscribe((data) => {
    delays.push(performance.now() - Number(new TextDecoder().decode(data)));
  });
  // A reader settles down first: its first pauses are no others' measure.
  await sleep(1_500);
  reads = 0;
  const [puts, endMs] = [[] as Array<Promise<unknown>>, performance.now() + seconds * 1_000];
  while (performance.now() < endMs) {
    await sleep((1_000 / rate) * (0.5 + Math.random()));
    const Data = new TextEncoder().encode(String(performance.now()));
    puts.push(writer.send(new PutRecordCommand({ StreamName: streamName, PartitionKey: 'key', Data })));
  }
  const readsSoFar = reads;
  await Promise.all(puts);
  for (let waits = 0; delays.length < puts.length && waits < 50; waits++) await sleep(100);
  reading.unsubscribe();
  if (delays.length !== puts.length) throw new Error(`${streamName}: ${delays.length} of ${puts.length} records were read`);
  return { delays, reads: readsSoFar };
}

function handLoop(client: KinesisClient, StreamName: string, noteRead: () => void): Observable<Uint8Array> {
  return new Observable((subscriber) => {
    const loop = async (): Promise<void> => {
      const start = new GetShardIteratorCommand({ StreamName, ShardId: SHARD_ID, ShardIteratorType: 'TRIM_HORIZON' });
      let { ShardIterator } = await client.send(start);
      while (ShardIterator && !subscriber.closed) {
        const beganMs = performance.now();
        noteRead();
        const page = await client.send(new GetRecordsCommand({ ShardIterator }));
        for (const { Data } of page.Records ?? []) subscriber.next(Data!);
        ShardIterator = page.NextShardIterator;
        await sleep(Math.max(0, beganMs + 200 - performance.now()));
      }
    };
    loop().catch((error: unknown) => subscriber.error(error));
  });
}

function pipeline(cut: OperatorFunction<KinesisRecord, KinesisRecord[]>, config: Partial<KinesisStreamConfig> = {}): Reading {
  return (client, streamName, noteRead) =>
    new Observable((subscriber) => {
      const events = new Subject<{ readonly type: string }>();
      events.subscribe(({ type }) => void (type === 'pageRead' && noteRead()));
      return kinesisStream({ client, streamName, startFrom: 'TRIM_HORIZON', store: memoryCheckpoints(), events, ...config })
        .pipe(mergeShards((shard) => shard.pipe(cut, withSequenceRanges(), concatMap(handle), checkpointEvery(30_000))))
        .subscribe({ error: (error: unknown) => subscriber.error(error) });

      function handle<T extends { readonly records: readonly KinesisRecord[] }>(block: T): Observable<T> {
        for (const { data } of block.records) subscriber.next(data);
        return of(block);
      }
    });
}

function percentile(numbers: readonly number[], part: number): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? NaN;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function main(): Promise<void> {
  const { values: options } = parseArgs({
    options: {
      seconds: { type: 'string', default: '30' },
      rate: { type: 'string', default: '10' },
      quick: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (options.help) return console.log(HELP);
  const [seconds, rate] = [options.quick ? 4 : Number(options.seconds), Number(options.rate)];
  if (!(seconds > 0 && rate > 0)) throw new Error('--seconds and --rate: expected numbers above 0');
  const results = await measureLatency({ seconds, rate });
  console.log(`${rate} puts/s for ${seconds} s, from put to handler in ms, Node ${process.version}\n`);
  console.log(`${''.padEnd(32)}${['p50', 'p99', 'reads/s', 'p50 : hand', 'records'].map((text) => text.padStart(12)).join('')}`);
  for (const { name, p50, p99, readsPerSecond, toHand, records } of results) {
    const cells = [p50.toFixed(0), p99.toFixed(0), readsPerSecond.toFixed(1), toHand.toFixed(2), String(records)];
    console.log(`${name.padEnd(32)}${cells.map((text) => text.padStart(12)).join('')}`);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();

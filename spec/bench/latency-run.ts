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
} from 'rx-kinesis';
import { clientsOf } from '../support/kinesis-services.js';
import { fanOutLatency } from './fan-out-latency.js';
import type { StreamFields } from '../support/fast-reading.js';

/** One run, in a process of its own. */
export interface LatencyOrder {
  /** Of kinesalite. */
  readonly endpoint: string;
  /** How long records are put. */
  readonly seconds: number;
  /** Puts a second. */
  readonly rate: number;
  /** How many records the comparison with fan-out puts. */
  readonly fanOutPuts: number;
}

/** What a run gives. */
export interface LatencyRunResult {
  readonly readers: readonly ReaderResult[];
  readonly fanOut: Awaited<ReturnType<typeof fanOutLatency>>;
}

const SHARD_ID = 'shardId-000000000000';

/** Reads a stream until it is unsubscribed; emits the payloads when they reach the handler. */
type Reading = (client: KinesisClient, streamName: string, noteRead: () => void) => Observable<Uint8Array>;

/** The first is the one that the others are compared with. */
const READERS: Readonly<Record<string, Reading>> = {
  'a loop by hand, a read each 200 ms': handLoop,
  "`latency: 'low'`, `blockPerPage()`": pipeline(blockPerPage(), { latency: 'low' }),
  'the default, `blockPerPage()`': pipeline(blockPerPage()),
  'the default, `bufferTime(200)`': pipeline(bufferTime(200)),
};

/** What one reader reached. Times are in ms from before a put to the handler. */
export interface ReaderResult {
  readonly name: string;
  readonly p50: number;
  readonly p99: number;
  readonly readsPerSecond: number;
}

const order = JSON.parse(process.argv[2] ?? '{}') as LatencyOrder;
const readers = await measureReaders(order);
const fanOut = await fanOutLatency({ puts: order.fanOutPuts });
process.send?.({ readers, fanOut } satisfies LatencyRunResult, () => process.exit());

/** Measures all readers at once. @throws when a reader did not get every record. */
async function measureReaders({ endpoint, seconds, rate }: LatencyOrder): Promise<ReaderResult[]> {
  const { client, clients } = clientsOf(endpoint);
  const measured = Object.entries(READERS).map(async ([name, read], i) => {
    const { delays, reads } = await run(client, `latency-${i}`, read, { seconds, rate });
    return { name, p50: percentile(delays, 0.5), p99: percentile(delays, 0.99), readsPerSecond: reads / seconds };
  });
  const results = await Promise.all(measured);
  for (const each of clients) each.destroy();
  return results;
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

function pipeline(cut: OperatorFunction<KinesisRecord, KinesisRecord[]>, config: StreamFields = {}): Reading {
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

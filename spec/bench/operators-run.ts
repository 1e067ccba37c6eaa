import { bufferCount, concatMap, EMPTY, expand, lastValueFrom, mergeMap, of, reduce, timer, type Observable } from 'rxjs';
import {
  checkpointEvery,
  kinesisShard,
  memoryCheckpoints,
  readBudget,
  recoverFrom,
  withSequenceRanges,
  type GetRecordsPage,
  type KinesisPort,
  type KinesisRecord,
} from 'rx-kinesis';
import { SHARD_ID } from './canned-pages.js';
import type { RunResult } from './meter.js';
import { memoryPort } from './memory-port.js';

/** A pipeline, up to the operator that it is named for. */
export type Stage = keyof typeof STAGES;

/** One run, in a process of its own. */
export interface StageOrder {
  readonly stage: Stage;
  readonly pages: number;
  readonly passes: number;
}

const PER_PAGE = 1_000;
const PER_BLOCK = 100;
const STREAM = 'records';

const into = bufferCount<KinesisRecord>(PER_BLOCK);
const STAGES = {
  rxjs: (port) => plainRxjs(port).pipe(into),
  shard: (port) => shardOf(port),
  bufferCount: (port) => shardOf(port).pipe(into),
  withSequenceRanges: (port) => shardOf(port).pipe(into, withSequenceRanges()),
  recoverFrom: (port) => shardOf(port).pipe(into, withSequenceRanges(), recoverFrom()),
  concatMap: (port) =>
    shardOf(port).pipe(
      into,
      withSequenceRanges(),
      recoverFrom(),
      concatMap((block) => of(block)),
    ),
  checkpointEvery: (port) =>
    shardOf(port).pipe(
      into,
      withSequenceRanges(),
      recoverFrom(),
      concatMap((block) => of(block)),
      checkpointEvery(1_000),
    ),
} as const satisfies Readonly<Record<string, (port: KinesisPort) => Observable<object>>>;

const { stage, pages, passes } = JSON.parse(process.argv[2] ?? '{}') as StageOrder;
const port = memoryPort({ bytes: 200, perPage: PER_PAGE }, pages);
await pass(passes);
const cpu = process.cpuUsage();
const startMs = performance.now();
const records = await pass(passes);
const wallMs = performance.now() - startMs;
const { user, system } = process.cpuUsage(cpu);
process.send?.({ records, wallMs, cpuMs: (user + system) / 1_000 } satisfies RunResult, () => process.exit());

/** Runs the stage over the whole stream, some times; gives how many records came. */
async function pass(times: number): Promise<number> {
  const values$: Observable<object> = STAGES[stage](port);
  let records = 0;
  for (let i = 0; i < times; i++) records += await lastValueFrom(values$.pipe(reduce((count, value) => count + recordsIn(value), 0)));
  if (records !== times * pages * PER_PAGE) throw new Error(`${stage}: ${records} records of ${times * pages * PER_PAGE}`);
  return records;
}

function recordsIn(value: object): number {
  if (Array.isArray(value)) return value.length;
  return 'records' in value ? (value.records as readonly unknown[]).length : 1;
}

function shardOf(client: KinesisPort): Observable<KinesisRecord> {
  const budget = readBudget({ readsPerSecond: Infinity, bytesPerSecond: Infinity });
  const limits = { maxInFlightRecords: 1_000_000, maxInFlightBytes: Number.MAX_SAFE_INTEGER };
  // Each pass begins at the oldest record, with a store of its own.
  return of(undefined).pipe(
    mergeMap(() =>
      kinesisShard({
        client,
        streamName: STREAM,
        shardId: SHARD_ID,
        startFrom: 'TRIM_HORIZON',
        store: memoryCheckpoints(),
        budget,
        events: 'silent',
        ...limits,
      }),
    ),
  );
}

/** The same reading in plain RxJS, without an operator of this package. */
function plainRxjs(reader: KinesisPort): Observable<KinesisRecord> {
  const read = (ShardIterator: string) => reader.getRecords({ ShardIterator, Limit: 10_000 });
  const next = ({ NextShardIterator }: GetRecordsPage) =>
    NextShardIterator === undefined ? EMPTY : timer(0).pipe(mergeMap(() => read(NextShardIterator)));
  const toRecord = (record: GetRecordsPage['Records'][number]): KinesisRecord => ({
    streamName: STREAM,
    shardId: SHARD_ID,
    sequenceNumber: record.SequenceNumber,
    subSequenceNumber: 0,
    partitionKey: record.PartitionKey,
    data: record.Data,
    approximateArrivalTimestamp: record.ApproximateArrivalTimestamp,
  });
  return reader.getShardIterator({ StreamName: STREAM, ShardId: SHARD_ID, ShardIteratorType: 'TRIM_HORIZON' }).pipe(
    mergeMap(read),
    expand(next),
    concatMap(({ Records }) => Records.map(toRecord)),
  );
}

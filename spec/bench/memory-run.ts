import { GetRecordsCommand, GetShardIteratorCommand, type GetRecordsCommandOutput } from '@aws-sdk/client-kinesis';
import { setTimeout as sleep } from 'node:timers/promises';
import { bufferTime, concatMap, map, timer } from 'rxjs';
import { checkpointEvery, kinesisStream, memoryCheckpoints, mergeShards, readBudget, recoverFrom, withSequenceRanges } from 'rx-kinesis';
import { benchClient } from './bench-client.js';
import { SHARD_ID } from './canned-pages.js';

/** One run, in a process of its own. */
export interface MemoryOrder {
  readonly subject: 'loop' | 'pipeline';
  readonly port: number;
  readonly records: number;
  /** How fast the work is. */
  readonly recordsPerSecond: number;
}

/** The greatest memory that the process had used when each tenth of the records was worked on, in MiB. */
export type MemoryResult = readonly number[];

const order = JSON.parse(process.argv[2] ?? '{}') as MemoryOrder;
const peaks: number[] = [];
let done = 0;
await (order.subject === 'loop' ? readWithLoop() : readWithPipeline());

/** Counts what was worked on, and ends the process after the last record. */
function count(records: number): void {
  done += records;
  while (peaks.length < 10 && done >= ((peaks.length + 1) * order.records) / 10) peaks.push(process.resourceUsage().maxRSS / 1_024);
  if (peaks.length === 10) process.send?.(peaks satisfies MemoryResult, () => process.exit());
}

function workMs(records: number): number {
  return (records / order.recordsPerSecond) * 1_000;
}

/** The next page is not asked for before the work on this one is done. */
async function readWithLoop(): Promise<void> {
  const client = benchClient(order.port);
  let { ShardIterator } = await client.send(
    new GetShardIteratorCommand({ StreamName: 'records', ShardId: SHARD_ID, ShardIteratorType: 'TRIM_HORIZON' }),
  );
  while (ShardIterator) {
    const page: GetRecordsCommandOutput = await client.send(new GetRecordsCommand({ ShardIterator, Limit: 10_000 }));
    const records = page.Records?.length ?? 0;
    await sleep(workMs(records));
    count(records);
    ShardIterator = page.NextShardIterator;
  }
}

function readWithPipeline(): Promise<void> {
  const store = memoryCheckpoints();
  const budget = readBudget({ readsPerSecond: Infinity, bytesPerSecond: Infinity });
  return kinesisStream({ client: benchClient(order.port), streamName: 'records', startFrom: 'TRIM_HORIZON', store, budget })
    .pipe(
      mergeShards((shard) =>
        shard.pipe(
          bufferTime(200),
          withSequenceRanges(),
          recoverFrom(store),
          concatMap((block) => timer(workMs(block.records.length)).pipe(map(() => block))),
          checkpointEvery(1_000),
        ),
      ),
    )
    .forEach((block) => count(block.records.length));
}

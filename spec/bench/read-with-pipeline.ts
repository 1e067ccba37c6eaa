import { bufferTime, concatMap, of, type OperatorFunction } from 'rxjs';
import {
  blockPerPage,
  checkpointEvery,
  kinesisStream,
  memoryCheckpoints,
  mergeShards,
  readBudget,
  recoverFrom,
  withSequenceRanges,
  type Block,
  type KinesisRecord,
} from 'rx-kinesis';
import { benchClient } from './bench-client.js';
import type { Meter } from './meter.js';
import type { Target } from './read-with-loops.js';

/** More than the records that arrive while `bufferTime(200)` fills a block, so that the reader never waits for one. */
const MORE_CREDIT = { maxInFlightRecords: 1_000_000, maxInFlightBytes: Number.MAX_SAFE_INTEGER };

/** How the pipeline makes its blocks, and how many records may be in flight. */
export interface PipelineOptions {
  /** `'time'`: `bufferTime(200)`, as in the README; `'page'`: `blockPerPage()`. */
  readonly block: 'page' | 'time';
  readonly credit: 'ample' | 'default';
}

/** Reads with the pipeline of the README, but for the budget of what Kinesis allows, and writes a checkpoint each second. */
export function readWithPipeline({ port, streamName }: Target, meter: Meter, { block, credit }: PipelineOptions): Promise<void> {
  const store = memoryCheckpoints();
  const budget = readBudget({ readsPerSecond: Infinity, bytesPerSecond: Infinity });
  const limits = credit === 'ample' ? MORE_CREDIT : {};
  const intoBlocks: OperatorFunction<KinesisRecord, KinesisRecord[]> = block === 'time' ? bufferTime(200) : blockPerPage();
  const work = (each: Block) => {
    meter.take(each.records);
    return of(each);
  };
  return kinesisStream({ client: benchClient(port), streamName, startFrom: 'TRIM_HORIZON', store, budget, ...limits })
    .pipe(mergeShards((shard) => shard.pipe(intoBlocks, withSequenceRanges(), recoverFrom(store), concatMap(work), checkpointEvery(1_000))))
    .forEach(() => undefined);
}

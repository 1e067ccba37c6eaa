import { bufferTime, concatMap, filter, lastValueFrom, of, scan, startWith, Subject, take } from 'rxjs';
import {
  checkpointEvery,
  kinesisStream,
  memoryCheckpoints,
  mergeShards,
  readBudget,
  recoverFrom,
  withSequenceRanges,
  type KinesisClientLike,
  type KinesisEvent,
  type KinesisPort,
} from 'rx-kinesis';

/** Reads a stream's shard to its end with the pipeline of the README, but for the budget of what Kinesis allows. */
export function readWithPipeline(
  client: KinesisClientLike | KinesisPort,
  streamName: string,
  maxInFlightRecords?: number,
): Promise<number> {
  const store = memoryCheckpoints();
  const budget = readBudget({ readsPerSecond: Infinity, bytesPerSecond: Infinity });
  const events = new Subject<KinesisEvent>();
  // The only shard is done: its checkpoint SHARD_END is written.
  const stop = events.pipe(
    filter(({ type }) => type === 'shardReleased'),
    take(1),
  );
  const unlimitedBytes = maxInFlightRecords === undefined ? {} : { maxInFlightRecords, maxInFlightBytes: Number.MAX_SAFE_INTEGER };

  const blocks$ = kinesisStream({ client, streamName, startFrom: 'TRIM_HORIZON', store, stop, budget, events, ...unlimitedBytes }).pipe(
    mergeShards((shard) =>
      shard.pipe(
        bufferTime(200),
        withSequenceRanges(),
        recoverFrom(store),
        concatMap((block) => of(block)),
        checkpointEvery(30_000),
      ),
    ),
  );
  return lastValueFrom(
    blocks$.pipe(
      scan((records, block) => records + block.records.length, 0),
      startWith(0),
    ),
  );
}

import { GetRecordsCommand, GetShardIteratorCommand, type KinesisClient } from '@aws-sdk/client-kinesis';
import { bufferCount, concatMap, lastValueFrom, mergeMap, of, Subject, take, tap } from 'rxjs';
import {
  checkpointEvery,
  kinesisStream,
  loadBlocks,
  memoryBlocks,
  memoryCheckpoints,
  mergeShards,
  polling,
  readBudget,
  releaseBlocks,
  storeBlocks,
  withSequenceRanges,
  type BlockStore,
  type KinesisRecord,
  type SequenceNumberRange,
} from 'rx-kinesis';

/** The records that one way has read, by shard and in its order, and how long it took. */
export interface Recovery {
  readonly sequenceNumbers: ReadonlyMap<string, readonly string[]>;
  readonly ms: number;
}

/**
 * Spark's way, as its KinesisSequenceRangeIterator does it: block after block, for each page a new iterator and a read of as many records as are
 * in the range.
 */
export async function blockByBlock(client: KinesisClient, ranges: readonly SequenceNumberRange[]): Promise<Recovery> {
  const read = new ReadRecords();
  const startMs = performance.now();
  for (const { streamName: StreamName, shardId: ShardId, fromSeqNumber, toSeqNumber, recordCount } of ranges) {
    for (let last: string | undefined; last !== toSeqNumber;) {
      const from = last === undefined ? 'AT_SEQUENCE_NUMBER' : 'AFTER_SEQUENCE_NUMBER';
      const place = { ShardIteratorType: from, StartingSequenceNumber: last ?? fromSeqNumber } as const;
      const { ShardIterator } = await client.send(new GetShardIteratorCommand({ StreamName, ShardId, ...place }));
      const { Records = [] } = await client.send(new GetRecordsCommand({ ShardIterator, Limit: Math.min(recordCount, 10_000) }));
      for (const { SequenceNumber } of Records) read.add(ShardId, (last = SequenceNumber!));
    }
  }
  return { sequenceNumbers: read.byShard, ms: performance.now() - startMs };
}

/** A plain loop that reads each shard from end to end, once: no reader needs less. */
export async function onePass(client: KinesisClient, ranges: readonly SequenceNumberRange[]): Promise<Recovery> {
  const read = new ReadRecords();
  const startMs = performance.now();
  for (const ShardId of new Set(ranges.map(({ shardId }) => shardId))) {
    const own = ranges.filter(({ shardId }) => shardId === ShardId);
    const [{ streamName: StreamName }] = own as [SequenceNumberRange];
    let { ShardIterator } = await client.send(new GetShardIteratorCommand({ StreamName, ShardId, ShardIteratorType: 'TRIM_HORIZON' }));
    for (let left = own.reduce((sum, { recordCount }) => sum + recordCount, 0); left > 0;) {
      const { Records = [], NextShardIterator } = await client.send(
        new GetRecordsCommand({ ShardIterator, Limit: Math.min(left, 10_000) }),
      );
      for (const { SequenceNumber } of Records) read.add(ShardId, SequenceNumber!);
      left -= Records.length;
      ShardIterator = NextShardIterator;
    }
  }
  return { sequenceNumbers: read.byShard, ms: performance.now() - startMs };
}

/**
 * The pipeline of the guide with a store that has lost every block: the handles of all blocks wait, then they are loaded at once.
 *
 * @param loading - called when the handles wait and loading begins.
 */
export async function withLoadBlocks(
  client: KinesisClient,
  {
    streamName,
    blocks,
    records,
    shards,
  }: { readonly streamName: string; readonly blocks: number; readonly records: number; readonly shards: number },
  loading: () => void,
): Promise<Recovery> {
  const read = new ReadRecords();
  const lossy: BlockStore = { ...memoryBlocks(), get: () => of(undefined) };
  const [begin$, stop] = [new Subject<void>(), new Subject<void>()];
  let [waiting, loaded, startMs, endMs] = [0, 0, 0, 0];
  const begin = (): void => {
    if (++waiting < shards) return;
    loading();
    startMs = performance.now();
    begin$.next();
  };
  const note = (record: KinesisRecord): void => read.add(record.shardId, record.sequenceNumber);
  const done$ = kinesisStream({
    // In JSON, as the plain client reads: the gain is not that of another format.
    ...{ client, streamName, stop, startFrom: 'TRIM_HORIZON', store: memoryCheckpoints(), wire: 'json', events: 'silent' },
    // The live reader has read everything when loading begins, and does not disturb it. The emulator has no limits.
    ...{ reader: polling({ idleDelayMs: 600_000 }), budget: readBudget({ readsPerSecond: Infinity, bytesPerSecond: Infinity }) },
  }).pipe(
    mergeShards((shard) =>
      shard.pipe(
        bufferCount(records),
        withSequenceRanges(),
        storeBlocks(lossy, { shard }),
        checkpointEvery(100),
        bufferCount(blocks / shards),
        concatMap((handles) => {
          // The live reader looks once more behind a full page.
          setTimeout(begin, 500);
          return begin$.pipe(
            take(1),
            mergeMap(() => handles),
          );
        }),
        loadBlocks(lossy, { shard }),
        tap((block) => {
          if (!block.recovered) throw new Error(`${block.id} was not lost`);
          block.records.forEach(note);
          if (++loaded === blocks) {
            endMs = performance.now();
            setTimeout(() => stop.next());
          }
        }),
        releaseBlocks(lossy),
      ),
    ),
  );
  await lastValueFrom(done$);
  return { sequenceNumbers: read.byShard, ms: endMs - startMs };
}

class ReadRecords {
  readonly byShard = new Map<string, string[]>();

  add(shardId: string, sequenceNumber: string): void {
    const own = this.byShard.get(shardId);
    if (own) own.push(sequenceNumber);
    else this.byShard.set(shardId, [sequenceNumber]);
  }
}

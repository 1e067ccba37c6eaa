import { bufferTime, concatMap, EMPTY, expand, filter, lastValueFrom, mergeMap, of, scan, startWith, timer, map } from 'rxjs';
import type { GetRecordsPage, KinesisPort } from 'rx-kinesis';
import { SHARD_ID } from './canned-pages.js';

/** The same reading and buffering in plain RxJS, without an operator of this package: what the pipeline costs without us. */
export function readWithRxjs(port: KinesisPort, streamName: string): Promise<number> {
  const read = (ShardIterator: string) => port.getRecords({ ShardIterator, Limit: 10_000 });
  const next = ({ NextShardIterator }: GetRecordsPage) => {
    if (NextShardIterator === undefined) return EMPTY;
    return timer(0).pipe(mergeMap(() => read(NextShardIterator)));
  };
  const toRecord = (record: GetRecordsPage['Records'][number]) => ({
    streamName,
    shardId: SHARD_ID,
    sequenceNumber: record.SequenceNumber,
    partitionKey: record.PartitionKey,
    data: record.Data,
    approximateArrivalTimestamp: record.ApproximateArrivalTimestamp,
  });
  return lastValueFrom(
    port.getShardIterator({ StreamName: streamName, ShardId: SHARD_ID, ShardIteratorType: 'TRIM_HORIZON' }).pipe(
      mergeMap(read),
      expand(next),
      concatMap(({ Records }) => Records.map(toRecord)),
      bufferTime(200),
      filter((records) => records.length > 0),
      concatMap((records) => of(records)),
      map((records) => records.length),
      scan((total, records) => total + records, 0),
      startWith(0),
    ),
  );
}

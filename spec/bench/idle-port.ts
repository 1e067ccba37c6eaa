import { defer, of, type Observable } from 'rxjs';
import type { GetRecordsPage, KinesisPort, PortShard } from 'rx-kinesis';

/** The open shards of a stream without records. */
export function openShards(count: number): PortShard[] {
  return Array.from({ length: count }, (_, i) => ({
    ShardId: `shardId-${String(i).padStart(12, '0')}`,
    HashKeyRange: { StartingHashKey: String(i), EndingHashKey: String(i) },
    SequenceNumberRange: { StartingSequenceNumber: '0' },
  }));
}

/** A page of a shard that has no records. The next iterator is as long as those of the service. */
export const EMPTY_PAGE: GetRecordsPage = { Records: [], NextShardIterator: 'A'.repeat(220), MillisBehindLatest: 0 };

/** A port whose shards never have a record. It answers in a later turn of the event loop, as a service does. */
export function idlePort(shards: number, noteRead: () => void): KinesisPort {
  const later = <T>(value: T): Observable<T> => defer(() => Promise.resolve(value));
  return {
    listShards: () => of({ Shards: openShards(shards) }),
    getShardIterator: () => later('A'.repeat(220)),
    getRecords: () => {
      noteRead();
      return later(EMPTY_PAGE);
    },
  };
}

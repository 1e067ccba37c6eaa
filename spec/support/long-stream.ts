import { defer, delay, map, of, throwError, type Observable, type SchedulerLike } from 'rxjs';
import type { KinesisPort, PortRecord, PortShard } from '../../lib/kinesis/port.js';
import { toShardId } from '../../lib/testing/shard-name.js';
import { awsError } from '../../lib/testing/kinesis/fake-errors.js';

/** What a {@link longStream} is. */
export interface LongStreamConfig {
  readonly scheduler: SchedulerLike;
  /** How many records a shard has; then it closes, and its only child begins. */
  readonly recordsPerShard: number;
  /** One GetRecords call in so many fails. */
  readonly failsEvery: number;
}

/** A stream without an end, that makes its records as they are read; only the shard that is read and its parent are in view. */
export function longStream({ scheduler, recordsPerShard, failsEvery }: LongStreamConfig): KinesisPort {
  const Data = new Uint8Array(1);
  const key = { StartingHashKey: '0', EndingHashKey: '1' };
  let newest = 0;
  let calls = 0;
  const later = <T>(answer: () => T): Observable<T> => defer(() => of(0)).pipe(delay(1, scheduler), map(answer));
  const startOf = (shard: number): number => shard * 10 ** 7 + 1;
  const inView = (shard: number): PortShard => ({
    ShardId: toShardId(shard),
    ...(shard > 0 && { ParentShardId: toShardId(shard - 1) }),
    HashKeyRange: key,
    SequenceNumberRange: {
      StartingSequenceNumber: String(startOf(shard)),
      ...(shard < newest && { EndingSequenceNumber: String(startOf(shard) + recordsPerShard) }),
    },
  });
  return {
    listShards: () => later(() => ({ Shards: [newest - 1, newest].filter((shard) => shard >= 0).map(inView) })),
    getShardIterator: (request) =>
      later(() => {
        const shard = Number(request.ShardId.slice(-12));
        const index = 'StartingSequenceNumber' in request ? Number(request.StartingSequenceNumber) - startOf(shard) : 0;
        return `${shard}:${index}`;
      }),
    getRecords: ({ ShardIterator, Limit = 10_000 }) =>
      defer(() => {
        if (++calls % failsEvery === 0) return throwError(() => awsError('InternalFailure'));
        const [shard, from] = ShardIterator.split(':').map(Number) as [number, number];
        const to = Math.min(recordsPerShard, from + Limit);
        const record = (_: unknown, i: number): PortRecord => ({
          SequenceNumber: String(startOf(shard) + from + i),
          PartitionKey: 'key',
          Data,
        });
        const Records = Array.from({ length: to - from }, record);
        if (to < recordsPerShard) return later(() => ({ Records, NextShardIterator: `${shard}:${to}`, MillisBehindLatest: 1 }));
        newest = Math.max(newest, shard + 1);
        const child = { ShardId: toShardId(shard + 1), ParentShards: [toShardId(shard)], HashKeyRange: key };
        return later(() => ({ Records, MillisBehindLatest: 1, ChildShards: [child] }));
      }),
  };
}

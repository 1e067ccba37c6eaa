import { catchError, concatMap, delay, EMPTY, expand, map, mergeMap, of, take, timer, toArray, type Observable } from 'rxjs';
import { deaggregateRecord } from '../../../lib/kinesis/aggregation/deaggregateRecord.js';
import type { GetRecordsPage, GetShardIteratorRequest, ListShardsPage, PortShard } from '../../../lib/kinesis/port.js';
import { toShardId, type ShardName } from '../../../lib/testing/shard-name.js';
import type { FakeKinesis } from '../../../lib/testing/kinesis/fakeKinesis.js';

/** Where to begin, with the fields of GetShardIterator. */
export type Start = DistributiveOmit<GetShardIteratorRequest, 'ShardId' | 'StreamARN' | 'StreamName'>;
type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

export const HORIZON: Start = { ShardIteratorType: 'TRIM_HORIZON' };

/** An iterator of the stream `stream`. */
export function iteratorOf(kinesis: FakeKinesis, shard: ShardName = 0, start: Start = HORIZON): Observable<string> {
  return kinesis.getShardIterator({ StreamName: 'stream', ShardId: toShardId(shard), ...start });
}

/** An iterator, then page after page without a pause, as long as there is a next iterator. */
export function pagesOf(kinesis: FakeKinesis, shard: ShardName = 0, start: Start = HORIZON, Limit?: number): Observable<GetRecordsPage> {
  return iteratorOf(kinesis, shard, start).pipe(
    mergeMap((ShardIterator) => kinesis.getRecords({ ShardIterator, Limit })),
    expand(({ NextShardIterator }) =>
      NextShardIterator === undefined ? EMPTY : kinesis.getRecords({ ShardIterator: NextShardIterator, Limit }),
    ),
  );
}

/** A page in short: its data as text, those of an aggregate in parentheses, and `|` when it has no next iterator. */
export function inShort({ Records, NextShardIterator }: GetRecordsPage): string {
  const data = Records.map((record) => {
    const users = deaggregateRecord(record).map((user) => new TextDecoder().decode(user.data));
    return users.length === 1 ? users.join('') : `(${users.join('')})`;
  });
  return `${data.join('')}${NextShardIterator === undefined ? '|' : ''}`;
}

/** The pages of {@link pagesOf} in short. */
export function textsOf(...args: Parameters<typeof pagesOf>): Observable<string> {
  return pagesOf(...args).pipe(map(inShort));
}

/** The name of the error instead of the error. */
export function nameOfError<T>(source: Observable<T>): Observable<T | string> {
  return source.pipe(catchError((error: unknown) => of((error as Error).name)));
}

/** The first page from a start, asked for at a time. */
export function pageAt(kinesis: FakeKinesis, ms: number, start: Start = HORIZON, shard: ShardName = 0): Observable<GetRecordsPage> {
  return timer(ms).pipe(
    mergeMap(() => pagesOf(kinesis, shard, start)),
    take(1),
  );
}

/** The page of {@link pageAt} in short, or the name of the error. */
export function textAt(...args: Parameters<typeof pageAt>): Observable<string> {
  return pageAt(...args).pipe(map(inShort), nameOfError);
}

/** Takes an iterator now and reads with it later: the page in short, or the name of the error. */
export function usedAt(kinesis: FakeKinesis, ms: number): Observable<string> {
  return iteratorOf(kinesis).pipe(
    delay(ms),
    concatMap((ShardIterator) => kinesis.getRecords({ ShardIterator })),
    map(inShort),
    nameOfError,
  );
}

/** Sequence and sub-sequence numbers of a shard. */
export function numbersOf(kinesis: FakeKinesis, shard = 0): string[] {
  return kinesis
    .records(shard)
    .map(({ sequenceNumber, subSequenceNumber }) => (subSequenceNumber ? `${sequenceNumber}.${subSequenceNumber}` : sequenceNumber));
}

/** Every shard of one listing, however many pages it has. */
export function listingOf(kinesis: FakeKinesis): Observable<PortShard[]> {
  return pagesOfListing(kinesis).pipe(
    toArray(),
    map((pages) => pages.flatMap(({ Shards }) => Shards)),
  );
}

/** Page after page of one listing. */
export function pagesOfListing(kinesis: FakeKinesis): Observable<ListShardsPage> {
  return kinesis
    .listShards({ StreamName: 'stream' })
    .pipe(expand(({ NextToken }) => (NextToken === undefined ? EMPTY : kinesis.listShards({ NextToken }))));
}

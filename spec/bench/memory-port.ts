import { of } from 'rxjs';
import type { GetRecordsPage, KinesisPort } from 'rx-kinesis';
import { cannedRecords, SHARD_ID, type PageSize } from './canned-pages.js';

/** A port of one closed shard whose pages are in memory, decoded: reading it costs nothing. The payloads are one array. */
export function memoryPort(size: PageSize, count: number): KinesisPort {
  const data = new Uint8Array(size.bytes);
  const pages = Array.from({ length: count }, (_, page) => pageOf(size, page, data, page === count - 1));
  const HashKeyRange = { StartingHashKey: '0', EndingHashKey: String(2n ** 128n - 1n) };
  const SequenceNumberRange = { StartingSequenceNumber: '0', EndingSequenceNumber: '1' };
  return {
    listShards: () => of({ Shards: [{ ShardId: SHARD_ID, HashKeyRange, SequenceNumberRange }] }),
    getShardIterator: () => of('0'),
    getRecords: ({ ShardIterator }) => of(pages[Number(ShardIterator)]!),
  };
}

function pageOf(size: PageSize, page: number, Data: Uint8Array, isLast: boolean): GetRecordsPage {
  const Records = cannedRecords({ ...size, bytes: 0 }, page).map(({ ApproximateArrivalTimestamp, ...record }) => ({
    ...record,
    Data,
    ApproximateArrivalTimestamp: new Date(ApproximateArrivalTimestamp * 1_000),
  }));
  return { Records, MillisBehindLatest: isLast ? 0 : 1_000, ...(!isLast && { NextShardIterator: String(page + 1) }) };
}

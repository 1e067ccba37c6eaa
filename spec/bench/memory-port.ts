import { of } from 'rxjs';
import type { GetRecordsPage, KinesisPort } from 'rx-kinesis';
import { cannedRecords, pageCount, SHARD_ID, type Canned } from './canned-pages.js';

/** A port whose pages are in memory, decoded: reading it costs nothing. */
export function memoryPort(canned: Canned): KinesisPort {
  const count = pageCount(canned);
  const pages = Array.from({ length: count }, (_, page) => pageOf(canned, page, page === count - 1));
  const HashKeyRange = { StartingHashKey: '0', EndingHashKey: String(2n ** 128n - 1n) };
  const SequenceNumberRange = { StartingSequenceNumber: '0', EndingSequenceNumber: '1' };
  return {
    listShards: () => of({ Shards: [{ ShardId: SHARD_ID, HashKeyRange, SequenceNumberRange }] }),
    getShardIterator: () => of('0'),
    getRecords: ({ ShardIterator }) => of(pages[Number(ShardIterator)]!),
  };
}

function pageOf(canned: Canned, page: number, isLast: boolean): GetRecordsPage {
  const Records = cannedRecords(canned, page).map(({ Data, ApproximateArrivalTimestamp, ...record }) => ({
    ...record,
    Data: new Uint8Array(Buffer.from(Data, 'base64')),
    ApproximateArrivalTimestamp: new Date(ApproximateArrivalTimestamp * 1_000),
  }));
  return { Records, MillisBehindLatest: isLast ? 0 : 1_000, ...(!isLast && { NextShardIterator: String(page + 1) }) };
}

import type { TrackedShard } from './tracked-shard.js';
import { fieldsOf, positionOf, type ShardPage } from '../readers/reader.js';
import { TrackedRecord } from './tracked-record.js';

/** Enters a page in the ledger and gives its records to emit: all but those that an earlier process has settled. */
export function deliverPage(page: ShardPage, account: TrackedShard): readonly TrackedRecord[] {
  const { ledger } = account;
  const { streamName, shardId } = account.shard;
  const { records, millisBehindLatest } = page;
  account.notify({ type: 'pageRead', streamName, shardId, records: records.length, bytes: page.bytes, millisBehindLatest });
  if (records.length === 0) return [];

  const bytesBefore = ledger.deliveredBytes;
  const firstOrdinal = ledger.takeOrdinals(records.length);
  const mayBeRestored = account.restored.reach(positionOf(records[0]!));
  const delivered: TrackedRecord[] = [];
  let bytes = 0;
  let lastOrdinal = 0;
  records.forEach((record, i) => {
    if (mayBeRestored && account.restored.include(positionOf(record))) return;
    bytes += record.Data.byteLength;
    lastOrdinal = firstOrdinal + i;
    delivered.push(new TrackedRecord(streamName, shardId, fieldsOf(record), ledger, lastOrdinal, bytesBefore + bytes));
  });
  const last = delivered.at(-1);
  // Records not delivered at the head keep their place in the piece: read again, it has as many records as Kinesis holds.
  if (last) ledger.deliver({ firstOrdinal, lastOrdinal, first: positionOf(records[0]!), last, bytesBefore }, bytes);
  return delivered;
}

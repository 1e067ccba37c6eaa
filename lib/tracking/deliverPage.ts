import type { ShardPage } from '../readers/reader.js';
import { TrackedRecord } from './tracked-record.js';
import type { TrackedShard } from './tracked-shard.js';

/** Enters a page in the ledger; returns the records to emit: all but those settled by an earlier process. @throws InvalidValueError */
export function deliverPage(page: ShardPage, shard: TrackedShard): readonly TrackedRecord[] {
  const { streamName, shardId } = shard.identity;
  const { records, bytes, millisBehindLatest = 0 } = page;
  const delivered = enter(page, shard);
  // Last, since whoever is told may end this subscription and begin another, to which the page does not belong.
  shard.notify({
    type: 'pageRead',
    streamName,
    shardId,
    records: records.length,
    bytes,
    millisBehindLatest,
    hasOpenBlocks: shard.hasOpenBlocks,
  });
  return delivered;
}

function enter({ records }: ShardPage, shard: TrackedShard): readonly TrackedRecord[] {
  const { settledBefore } = shard.content;
  const [first] = records;
  if (!first) return [];
  const isReached = settledBefore.reach(first);
  if (isReached) settledBefore.count(records);
  return shard.ledger.deliver(
    records,
    (fields, ordinal, bytesThrough) => new TrackedRecord(shard, fields, ordinal, bytesThrough),
    isReached ? (position) => settledBefore.include(position) : undefined,
  );
}

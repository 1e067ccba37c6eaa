import type { ShardPage } from '../readers/reader.js';
import { TrackedRecord } from './tracked-record.js';
import type { TrackedShard } from './tracked-shard.js';

/** Enters a page in the ledger and gives its records to emit: all but those that an earlier process has settled. */
export function deliverPage(page: ShardPage, shard: TrackedShard): readonly TrackedRecord[] {
  const { settledBefore } = shard.checkpointer;
  const { streamName, shardId } = shard.identity;
  const { records, bytes, millisBehindLatest = 0 } = page;
  shard.notify({ type: 'pageRead', streamName, shardId, records: records.length, bytes, millisBehindLatest });
  const [first] = records;
  if (!first) return [];
  return shard.ledger.deliver(
    records,
    (fields, ordinal, bytesThrough) => new TrackedRecord(shard, fields, ordinal, bytesThrough),
    settledBefore.reach(first) ? (position) => settledBefore.include(position) : undefined,
  );
}

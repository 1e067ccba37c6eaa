import type { Ledger } from '../../lib/ledger/ledger.js';
import { TrackedRecord } from '../../lib/tracking/tracked-record.js';
import { TrackedShard } from '../../lib/tracking/tracked-shard.js';
import type { KinesisRecord } from '../../lib/values/record.js';

/** One record of a page: its number, or all that matters of it. */
export type Delivered =
  number | { readonly sequenceNumber: number; readonly subSequenceNumber?: number; readonly bytes?: number; readonly isSkipped?: boolean };

/** A shard without source and store. */
export function bareShard(shardId = 'shardId-000000000000'): TrackedShard {
  return new TrackedShard({ identity: { streamName: 'stream', shardId, parentShardIds: [] } });
}

/** Delivers a page of records to a shard, as a source does: one byte each, none skipped, unless they say otherwise. */
export function deliver(shard: TrackedShard, page: readonly Delivered[]): KinesisRecord[] {
  const all = page.map((item) => (typeof item === 'number' ? { sequenceNumber: item } : item));
  const skipped = new Set(all.filter(({ isSkipped }) => isSkipped));
  const records = all.map((item) => ({
    item,
    sequenceNumber: String(item.sequenceNumber),
    subSequenceNumber: item.subSequenceNumber ?? 0,
    partitionKey: 'key',
    data: new Uint8Array(item.bytes ?? 1),
    approximateArrivalTimestamp: undefined,
  }));
  return shard.ledger.deliver(
    records,
    ({ item: _, ...fields }, ordinal, bytesThrough) => new TrackedRecord(shard, fields, ordinal, bytesThrough),
    (position) => skipped.has((position as (typeof records)[number]).item),
  );
}

/** A shard with some records delivered in one page, and its ledger. */
export function ledgerWith(...page: readonly Delivered[]): {
  readonly shard: TrackedShard;
  readonly ledger: Ledger;
  readonly records: KinesisRecord[];
} {
  const shard = bareShard();
  return { shard, ledger: shard.ledger, records: deliver(shard, page) };
}

import { ShardAccount, type AccountOpening } from '../../lib/checkpoints/shard-account.js';
import { openBlock } from '../../lib/ledger/tracked-block.js';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import { deliverPage } from '../../lib/sources/deliverPage.js';
import type { Block } from '../../lib/values/block.js';
import type { KinesisRecord } from '../../lib/values/record.js';

/** A shard without a source: records are delivered by number, one byte each. */
export interface TrackedShard {
  readonly account: ShardAccount;
  readonly events: KinesisEvent[];
  /** Delivers a page of records. */
  deliver(...numbers: readonly number[]): readonly KinesisRecord[];
  /** Delivers a page of records and makes a block of it. */
  block(...numbers: readonly number[]): Block;
}

/** Makes a {@link TrackedShard}. */
export function trackedShard(opening: Partial<AccountOpening> = {}, shardId = 'shardId-000000000000'): TrackedShard {
  const events: KinesisEvent[] = [];
  const shard = { streamName: 'stream', shardId, parentShardIds: [] };
  const account = new ShardAccount({ shard, notify: (event) => void events.push(event), ...opening });
  const deliver = (...numbers: readonly number[]): readonly KinesisRecord[] => {
    const records = numbers.map((number) => ({ SequenceNumber: String(number), PartitionKey: 'key', Data: new Uint8Array(1) }));
    return deliverPage({ records, bytes: records.length, millisBehindLatest: 0, ended: false, childShards: [] }, account);
  };
  return { account, events, deliver, block: (...numbers) => openBlock(deliver(...numbers)) };
}

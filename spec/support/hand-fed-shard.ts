import { asyncScheduler, of, type Observable } from 'rxjs';
import { readCheckpoint } from '../../lib/checkpoints/store-calls.js';
import type { Checkpoint } from '../../lib/checkpoints/checkpoint-store.js';
import { TrackedShard, type TrackedShardOptions } from '../../lib/tracking/tracked-shard.js';
import { entriesOf, openBlock } from '../../lib/tracking/tracked-block.js';
import type { UntimedEvent } from '../../lib/monitoring/events.js';
import { deliverPage } from '../../lib/tracking/deliverPage.js';
import type { Block } from '../../lib/values/block.js';
import type { KinesisRecord } from '../../lib/values/record.js';
import { recordFields } from './record-fields.js';

/** A shard without a source: records are delivered by number, one byte each. */
export interface HandFedShard {
  readonly account: TrackedShard;
  readonly events: UntimedEvent[];
  /** Delivers a page of records. */
  deliver(...numbers: readonly number[]): readonly KinesisRecord[];
  /** Delivers a page of records and makes a block of it. */
  block(...numbers: readonly number[]): Block;
}

/** Makes a {@link HandFedShard}. */
export function handFedShard(opening: Partial<TrackedShardOptions> = {}, shardId = 'shardId-000000000000'): HandFedShard {
  const events: UntimedEvent[] = [];
  const { store } = opening;
  const readStored = (): Observable<Checkpoint | undefined> =>
    store ? readCheckpoint(store, identity, { requestTimeoutMs: Infinity, scheduler: asyncScheduler }) : of(undefined);
  const identity = { streamName: 'stream', shardId, parentShardIds: [] };
  const account = new TrackedShard({ identity, notify: (event) => void events.push(event), readStored, ...opening });
  const deliver = (...numbers: readonly number[]): readonly KinesisRecord[] => {
    const records = numbers.map((number) => recordFields(number));
    return deliverPage({ records, bytes: records.length, millisBehindLatest: 0, ended: false, childShards: [] }, account);
  };
  return { account, events, deliver, block: (...numbers) => openBlock(deliver(...numbers)) };
}

/** Settles blocks, as `checkpointEvery` does. */
export function settle(...blocks: ReadonlyArray<Pick<Block, 'ranges'>>): void {
  for (const { ranges } of blocks) for (const { shard, entry } of entriesOf(ranges)) shard.ledger.settle(entry);
}

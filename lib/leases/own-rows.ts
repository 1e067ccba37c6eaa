import type { LeasableShard } from '../checkpoints/checkpoint-store.js';
import { assertOwnStart } from '../checkpoints/own-checkpoint.js';
import { isSequenceNumber } from '../values/position.js';
import type { LeaseRow } from './lease.js';

/**
 * Checks that no row is of another shard of its name, before a lease of that shard is made, taken or asked for: to take one from a worker of another
 * stream would keep both streams from being read.
 *
 * @throws ForeignCheckpointError
 */
export function assertOwnRows(rows: readonly LeaseRow[], shards: ReadonlyMap<string, LeasableShard>): void {
  for (const { leaseKey, checkpoint, shardStart: stored } of rows) {
    const shard = shards.get(leaseKey);
    // A malformed number is left to the opening of its shard, which ends no other.
    if (shard?.startingSequenceNumber === undefined || !isSequenceNumber(stored)) continue;
    assertOwnStart(stored, checkpoint, shard, shard.startingSequenceNumber);
  }
}

import { LATEST, type InitialPosition } from '../values/position.js';
import type { ShardIdentity } from '../values/shard-id.js';
import type { NewLease } from './lease.js';

/**
 * Makes the lease of a shard that nobody has worked on. It says where the shard begins, so that a worker of another stream refuses the row.
 *
 * @param latestMs - the time that `LATEST` means, so that whoever reads the shard later begins there too.
 */
export function newLease(shard: Omit<ShardIdentity, 'streamName'>, start: InitialPosition, latestMs?: number): NewLease {
  const { shardId, parentShardIds, hashKeyRange, startingSequenceNumber: shardStart } = shard;
  const checkpoint = { sequenceNumber: start, subSequenceNumber: 0 };
  return {
    ...{ leaseKey: shardId, leaseCounter: 0, checkpoint, parentShardIds },
    ...(shardStart !== undefined && { shardStart }),
    ...(start === LATEST && latestMs !== undefined && { startTimestamp: latestMs }),
    ...(hashKeyRange && { hashKeyRange }),
  };
}

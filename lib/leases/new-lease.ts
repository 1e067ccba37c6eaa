import type { InitialPosition } from '../values/position.js';
import type { ShardIdentity } from '../values/shard-id.js';
import type { NewLease } from './lease.js';

/** Makes the lease of a shard that nobody has worked on. It says where the shard begins, so that a worker of another stream refuses the row. */
export function newLease(shard: Omit<ShardIdentity, 'streamName'>, start: InitialPosition): NewLease {
  const { shardId, parentShardIds, hashKeyRange, startingSequenceNumber: shardStart } = shard;
  const checkpoint = { sequenceNumber: start, subSequenceNumber: 0 };
  return {
    ...{ leaseKey: shardId, leaseCounter: 0, checkpoint, parentShardIds },
    ...(shardStart !== undefined && { shardStart }),
    ...(hashKeyRange && { hashKeyRange }),
  };
}

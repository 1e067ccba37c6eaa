import type { InitialPosition } from '../values/position.js';
import type { ShardIdentity } from '../values/shard-id.js';
import type { NewLease } from './lease.js';

/** Makes the lease of a shard that nobody has worked on. */
export function newLease({ shardId, parentShardIds, hashKeyRange }: Omit<ShardIdentity, 'streamName'>, start: InitialPosition): NewLease {
  const checkpoint = { sequenceNumber: start, subSequenceNumber: 0 };
  return { leaseKey: shardId, leaseCounter: 0, checkpoint, parentShardIds, ...(hashKeyRange && { hashKeyRange }) };
}

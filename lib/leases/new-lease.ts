import { AT_TIMESTAMP, LATEST, TRIM_HORIZON } from '../values/position.js';
import type { ShardIdentity } from '../values/shard-id.js';
import type { NewLease } from './lease.js';

/** Where a shard without a checkpoint begins. */
export type InitialPosition = typeof TRIM_HORIZON | typeof LATEST | typeof AT_TIMESTAMP;

/** Every {@link InitialPosition}. */
export const INITIAL_POSITIONS: readonly InitialPosition[] = [TRIM_HORIZON, LATEST, AT_TIMESTAMP];

/** The lease of a shard that nobody has worked on. */
export function newLease({ shardId, parentShardIds, hashKeyRange }: Omit<ShardIdentity, 'streamName'>, start: InitialPosition): NewLease {
  const checkpoint = { sequenceNumber: start, subSequenceNumber: 0 };
  return { leaseKey: shardId, leaseCounter: 0, checkpoint, parentShardIds, ...(hashKeyRange && { hashKeyRange }) };
}

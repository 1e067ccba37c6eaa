import type { Shard } from '@aws-sdk/client-kinesis';
import { lastValueFrom } from 'rxjs';
import { leaseTable } from '../../../lib/dynamodb/index.js';
import { comparePositions, type Checkpoint } from '../../../lib/index.js';
import { dynamoDBClient } from './clients.js';
import { counted } from './format.js';
import type { Services } from './services.js';
import { LEASE_TABLE, STREAM } from './settings.js';
import type { ShardSummary } from './shard-graph.js';
import type { Applied } from './sink-database.js';
import type { Produced } from './verification.js';

/** Brings together what Kinesis, the lease table, the producer's log and the sink say about each shard. */
export async function summarizeShards(
  services: Services,
  produced: readonly Produced[],
  applied: readonly Applied[],
): Promise<ShardSummary[]> {
  const client = dynamoDBClient(services.dynamoDBUrl);
  const store = leaseTable({ client, tableName: LEASE_TABLE });
  const summarize = async (shard: Shard): Promise<ShardSummary> => {
    const { ShardId: shardId = '', ParentShardId, AdjacentParentShardId, SequenceNumberRange } = shard;
    const parentShardIds = [ParentShardId, AdjacentParentShardId].filter((id) => id !== undefined);
    const checkpoint = await lastValueFrom(store.read({ streamName: STREAM, shardId, parentShardIds }));
    const own = produced.filter((record) => record.shardId === shardId);
    const processed = applied.reduce((sum, block) => sum + (block.shardId === shardId ? block.records.length : 0), 0);
    return {
      shardId,
      parentShardIds,
      produced: own.length,
      processed,
      checkpoint: describeCheckpoint(checkpoint, own, SequenceNumberRange?.EndingSequenceNumber !== undefined),
    };
  };
  try {
    return await Promise.all((await services.listShards()).map(summarize));
  } finally {
    client.destroy();
  }
}

/** Says how far a checkpoint is from the end of its shard. */
export function describeCheckpoint(checkpoint: Checkpoint | undefined, produced: readonly Produced[], isClosed: boolean): string {
  // The row of a shard that is done goes once its children are under way.
  if (!checkpoint) return isClosed ? 'cleaned up' : 'none';
  if (checkpoint.sequenceNumber === 'SHARD_END') return 'SHARD_END';
  const behind = produced.filter(({ sequenceNumber }) => comparePositions({ sequenceNumber, subSequenceNumber: 0 }, checkpoint) > 0);
  return behind.length === 0 ? 'its last record' : `${counted(behind.length, 'record')} behind`;
}

import type { PortChildShard, PortShard } from '../kinesis/port.js';
import type { GraphShard } from './shard-graph.js';

/** Turns a listed shard into one for the graph. */
export function graphShard({ ShardId, ParentShardId, AdjacentParentShardId, HashKeyRange, SequenceNumberRange }: PortShard): GraphShard {
  const parentShardIds = [ParentShardId, AdjacentParentShardId].filter((id) => id !== undefined);
  return {
    shardId: ShardId,
    parentShardIds,
    hashKeyRange: keyRange(HashKeyRange),
    closed: SequenceNumberRange.EndingSequenceNumber !== undefined,
    startingSequenceNumber: SequenceNumberRange.StartingSequenceNumber,
  };
}

/** Turns a child that a shard named at its end into a shard for the graph. */
export function graphChild(child: PortChildShard): GraphShard {
  return { ...identityOfChild(child), closed: false };
}

/** What a shard says of a child at its end. */
export function identityOfChild({
  ShardId,
  ParentShards,
  HashKeyRange,
}: PortChildShard): Pick<GraphShard, 'hashKeyRange' | 'parentShardIds' | 'shardId'> {
  return { shardId: ShardId, parentShardIds: ParentShards, hashKeyRange: keyRange(HashKeyRange) };
}

function keyRange({ StartingHashKey, EndingHashKey }: PortShard['HashKeyRange']): GraphShard['hashKeyRange'] {
  return { startingHashKey: StartingHashKey, endingHashKey: EndingHashKey };
}

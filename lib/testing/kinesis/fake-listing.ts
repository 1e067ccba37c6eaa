import type { ListShardsPage, ListShardsRequest, PortChildShard, PortShard } from '../../kinesis/port.js';
import { compareSequenceNumbers } from '../../values/position.js';
import { awsError } from './fake-errors.js';
import type { FakeService } from './fake-service.js';
import type { FakeShard } from './fake-shard.js';
import type { FakeStream } from './fake-stream.js';

/** Answers ListShards at this moment, with shards in order of their ids. Throws the service's errors. */
export function answerListShards({ script, stream }: FakeService, request: ListShardsRequest, nowMs: number): ListShardsPage {
  const after = request.NextToken === undefined ? '' : readToken(request.NextToken, script.iteratorTtlMs ?? TOKEN_TTL_MS, nowMs);
  const shards = shardsAt(stream, nowMs).filter(({ shardId }) => shardId > after);
  const page = shards.slice(0, script.shardsPerPage ?? MAX_SHARDS);
  return {
    Shards: page.map((shard) => toPortShard(shard, stream, nowMs)),
    ...(page.length < shards.length && { NextToken: [TOKEN_MARK, page.at(-1)?.shardId, nowMs].join(':') }),
  };
}

/** The children that exist by now, as the last page of a closed shard names them. */
export function childrenOf(stream: FakeStream, shardId: string, nowMs: number): PortChildShard[] {
  const children = shardsAt(stream, nowMs).filter(({ parentShardIds }) => parentShardIds.includes(shardId));
  return children.map((child) => ({
    ShardId: child.shardId,
    ParentShards: child.parentShardIds,
    HashKeyRange: stream.hashKeyRange(child.shardId),
  }));
}

/** ListShards: 1 000 shards a page by default; a token is valid for 5 minutes. */
const MAX_SHARDS = 1_000;
const TOKEN_TTL_MS = 300_000;
const TOKEN_MARK = 'fake-token';

function readToken(token: string, ttlMs: number, nowMs: number): string {
  const [mark, after, bornAtMs] = token.split(':');
  if (mark !== TOKEN_MARK || after === undefined) throw awsError('InvalidArgumentException', 'Invalid NextToken.');
  if (nowMs - Number(bornAtMs) > ttlMs) throw awsError('ExpiredNextTokenException', 'The NextToken has expired.');
  return after;
}

function shardsAt(stream: FakeStream, nowMs: number): FakeShard[] {
  const shards = [...stream.shards.values()].filter((shard) => shard.existsAt(nowMs));
  return shards.sort((a, b) => (a.shardId < b.shardId ? -1 : 1));
}

function toPortShard(shard: FakeShard, stream: FakeStream, nowMs: number): PortShard {
  const [parent, adjacentParent] = shard.parentShardIds;
  return {
    ShardId: shard.shardId,
    ...(parent !== undefined && { ParentShardId: parent }),
    ...(adjacentParent !== undefined && { AdjacentParentShardId: adjacentParent }),
    HashKeyRange: stream.hashKeyRange(shard.shardId),
    SequenceNumberRange: {
      StartingSequenceNumber: startingNumber(shard, stream),
      ...(nowMs >= shard.closedAtMs && { EndingSequenceNumber: endingNumber(shard, stream) }),
    },
  };
}

/** A child begins where its parents end. */
function startingNumber(shard: FakeShard, stream: FakeStream): string {
  const ends = shard.parentShardIds.flatMap((id) => stream.shards.get(id) ?? []).map((parent) => endingNumber(parent, stream));
  return ends.reduce((highest, end) => (compareSequenceNumbers(end, highest) > 0 ? end : highest), '0');
}

function endingNumber(shard: FakeShard, stream: FakeStream): string {
  return shard.log.at(-1)?.record.sequenceNumber ?? startingNumber(shard, stream);
}

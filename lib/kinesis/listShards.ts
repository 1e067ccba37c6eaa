import { defer, EMPTY, expand, map, reduce, type Observable } from 'rxjs';
import type { KinesisPort, ListShardsPage, PortShard, StreamId } from './port.js';

/** Emits all shards of a stream, open and closed, as one array: every page of ListShards is followed. */
export function listShards(port: KinesisPort, stream: StreamId): Observable<readonly PortShard[]> {
  const next = ({ NextToken }: ListShardsPage): Observable<ListShardsPage> =>
    NextToken === undefined ? EMPTY : port.listShards({ NextToken });
  return defer(() => port.listShards(stream)).pipe(
    expand(next),
    reduce<ListShardsPage, PortShard[]>((shards, page) => [...shards, ...page.Shards], []),
  );
}

/** Emits one shard of a stream, or `undefined` when it is not listed (any more). */
export function findShard(port: KinesisPort, stream: StreamId, shardId: string): Observable<PortShard | undefined> {
  return listShards(port, stream).pipe(map((shards) => shards.find((shard) => shard.ShardId === shardId)));
}

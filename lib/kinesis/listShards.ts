import { concatMap, defer, map, of, repeat, takeLast, takeWhile, tap, type Observable } from 'rxjs';
import { checkedListing } from './checked-answers.js';
import { ShardReadError } from './errors.js';
import { ownAncestor } from './own-ancestor.js';
import type { KinesisPort, ListShardsPage, ListShardsRequest, PortShard, StreamId } from './port.js';
import { streamNameOf } from './stream-id.js';

/**
 * Emits all shards of a stream, open and closed, as one array, from all pages of ListShards.
 *
 * @remarks
 * Errors with a retriable ShardReadError when a page is malformed, when the pages have no end, or when a shard descends from itself.
 */
export function listShards(port: KinesisPort, stream: StreamId): Observable<readonly PortShard[]> {
  return defer(() => {
    const listing = new Listing(streamNameOf(stream));
    let request: ListShardsRequest = stream;
    return defer(() => port.listShards(request)).pipe(
      map((answer) => listing.add(answer)),
      tap((token) => void (token !== undefined && (request = { NextToken: token }))),
      // A loop instead of expand, which grows the stack with each page of a port that answers synchronously.
      repeat(),
      takeWhile((token) => token !== undefined, true),
      takeLast(1),
      map(() => listing.shards()),
    );
  });
}

/** Emits the shards of a stream like {@link listShards}. A listing that `isInDoubt` is not believed the first time: the one after it counts. */
export function listTwiceIf(
  isInDoubt: (shards: readonly PortShard[]) => boolean,
  port: KinesisPort,
  stream: StreamId,
): Observable<readonly PortShard[]> {
  const shards$ = listShards(port, stream);
  return shards$.pipe(concatMap((shards) => (isInDoubt(shards) ? shards$ : of(shards))));
}

/**
 * Emits one shard of a stream, or `undefined` when it is not listed, or no longer.
 *
 * @remarks A stream has at least one shard, so an empty listing is not believed the first time.
 */
export function findShard(port: KinesisPort, stream: StreamId, shardId: string): Observable<PortShard | undefined> {
  return listTwiceIf((shards) => shards.length === 0, port, stream).pipe(
    map((shards) => shards.find((shard) => shard.ShardId === shardId)),
  );
}

/** What a listing says of a shard: it takes more records, it takes no more, or it is not there: no longer, or not yet in an old listing. */
export type ListedState = 'open' | 'closed' | 'unlisted';

/**
 * Emits what the list of shards says of one shard.
 *
 * @remarks A stream has at least one shard, so an empty listing does not show that this one is gone: it errors, retriable.
 */
export function listedState(port: KinesisPort, stream: StreamId, shardId: string): Observable<ListedState> {
  return listShards(port, stream).pipe(
    map((shards) => {
      const place = { streamName: streamNameOf(stream), shardId };
      if (shards.length === 0) throw new ShardReadError('ListShards names no shard at all', { ...place, retriable: true });
      const shard = shards.find(({ ShardId }) => ShardId === shardId);
      if (!shard) return 'unlisted';
      return shard.SequenceNumberRange.EndingSequenceNumber === undefined ? 'open' : 'closed';
    }),
  );
}

/** The pages of one listing. */
class Listing {
  readonly #streamName: string;
  /** By id; of a shard on two pages, the later one counts. */
  readonly #shards = new Map<string, PortShard>();
  readonly #tokens = new Set<string>();

  constructor(streamName: string) {
    this.#streamName = streamName;
  }

  /** Takes a page, and returns the token of the next one. */
  add(answer: ListShardsPage): string | undefined {
    const { Shards, NextToken } = checkedListing(answer, { streamName: this.#streamName });
    for (const shard of Shards) this.#shards.set(shard.ShardId, shard);
    if (NextToken === undefined) return undefined;
    if (this.#tokens.has(NextToken)) this.#fail('ListShards gave the same NextToken twice');
    this.#tokens.add(NextToken);
    if (this.#tokens.size >= MAX_PAGES) this.#fail(`ListShards did not come to an end in ${MAX_PAGES} pages`);
    return NextToken;
  }

  shards(): readonly PortShard[] {
    const shards = [...this.#shards.values()];
    const own = ownAncestor(new Map(shards.map((shard) => [shard.ShardId, parentsOf(shard)])));
    if (own !== undefined) this.#fail(`ListShards names ${own} as an ancestor of itself`);
    return shards;
  }

  #fail(message: string): never {
    throw new ShardReadError(message, { streamName: this.#streamName, retriable: true });
  }
}

function parentsOf({ ParentShardId, AdjacentParentShardId }: PortShard): string[] {
  return [ParentShardId, AdjacentParentShardId].filter((id) => id !== undefined);
}

/**
 * A page has 1 000 shards by default (ListShards, MaxResults), and even a stream with all the shards of an account has only some thousands,
 * closed ones included.
 */
const MAX_PAGES = 1_000;

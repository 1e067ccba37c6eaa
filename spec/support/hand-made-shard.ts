import { NEVER, Observable } from 'rxjs';
import type { Shard } from '../../lib/shards/shard.js';
import { toShardId } from '../../lib/testing/shard-name.js';

/** A shard made by hand: its values stand for records. */
export function handMadeShard(values$: Observable<string>, shard = 0, leaseLost$: Observable<void> = NEVER): Shard {
  const fields = { streamName: 'stream', shardId: toShardId(shard), parentShardIds: [], leaseLost$ };
  return Object.assign(new Observable((subscriber) => values$.subscribe(subscriber)), fields) as unknown as Shard;
}

/** The values of a shard made by hand. */
export function recordsOf(shard: Shard): Observable<string> {
  return shard as unknown as Observable<string>;
}

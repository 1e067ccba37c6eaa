import { catchError, concatMap, defer, EMPTY, takeUntil, tap, type Observable } from 'rxjs';
import type { ShardIdentity } from '../checkpoints/checkpoint-store.js';
import { ShardAccount } from '../checkpoints/shard-account.js';
import type { ReadyShard } from '../kinesis/shard-graph.js';
import type { Shard } from '../kinesis/shard.js';
import { openShard, releaseLease } from './openShard.js';
import { rereadWith } from './rereadWith.js';
import { ShardLife, type LifeContext } from './shard-life.js';

/**
 * The life of one shard: taken, emitted and read, drained, then ended, stopped or lost, and released.
 *
 * @remarks Emits the shard once, unless it is done already. Completes when its life is over and its last checkpoint is written.
 */
export function liveShard(ready: ReadyShard, context: LifeContext): Observable<Shard> {
  const { reading, firstSeenMs, stop$ } = context;
  const { stream, store, notify } = reading;
  const { shardId, parentShardIds, hashKeyRange } = ready.shard;
  const shard: ShardIdentity = { streamName: stream.streamName, shardId, parentShardIds, hashKeyRange };

  return defer(() => {
    const account = new ShardAccount({ shard, store, notify, reread: rereadWith(reading, stream, shardId) });
    const open$ = openShard(shard, ready, reading, firstSeenMs).pipe(tap(({ checkpoint }) => checkpoint && account.restore(checkpoint)));
    return open$.pipe(
      // A shard that cannot be opened fails by itself, when it is subscribed: whoever supervises it may try again.
      catchError((): [undefined] => [undefined]),
      // Only the opening is cut short: what has begun ends by itself, when its work is drained.
      // eslint-disable-next-line rxjs-x/no-unsafe-takeuntil
      takeUntil(stop$),
      concatMap((opened) => {
        if (opened?.start === 'done' || opened?.start === 'skipped') {
          context.finish(opened.start === 'done' ? 'read' : 'skipped');
          return opened.lease ? releaseLease(shard, store) : EMPTY;
        }
        return new ShardLife(account, context, open$).run(opened);
      }),
    );
  });
}

import { catchError, concat, EMPTY, merge, takeUntil, type Observable } from 'rxjs';
import type { TrackedShard } from '../tracking/tracked-shard.js';
import type { ResolvedShardConfig } from './config.js';

/**
 * Writes what is left to write of a shard, to every store that it is written to; never errors.
 *
 * @remarks
 * The end of a shard has to be written before its children start, however long that takes and whatever the store says: each
 * failure is told as an event. After `stop`, nothing has to.
 */
export function lastWrites(
  account: TrackedShard,
  { scheduler, random }: ResolvedShardConfig,
  stop$: Observable<unknown>,
): Observable<unknown> {
  const writes = (maxRetries: number): Observable<unknown> => {
    const retry = { retriesEverything: true, maxRetries, retryDelayMs: 1_000, scheduler, random };
    return merge(...account.checkpointer.stores.map((store) => account.checkpointer.write(store, retry).pipe(catchError(() => EMPTY))));
  };
  return concat(writes(Infinity).pipe(takeUntil(stop$)), writes(MAX_RETRIES_AFTER_STOP));
}

const MAX_RETRIES_AFTER_STOP = 3;

import { catchError, concat, defer, EMPTY, merge, retry, takeUntil, throwError, type Observable } from 'rxjs';
import type { CheckpointStore } from '../checkpoints/checkpoint-store.js';
import type { ShardAccount } from '../checkpoints/shard-account.js';
import { delayOf, fullJitter } from '../internal/delay.js';
import type { ShardReading } from './config.js';

/**
 * Writes what is left to write of a shard, to every store that it is written to; never errors.
 *
 * @remarks
 * The end of a shard has to be written before its children start, however long that takes and whatever the store says: each
 * failure is told as an event. After `stop`, nothing has to.
 */
export function lastWrites(account: ShardAccount, { scheduler, random }: ShardReading, stop$: Observable<unknown>): Observable<unknown> {
  const write = (store: CheckpointStore, maxRetries: number): Observable<unknown> =>
    account.flush(store).pipe(
      retry({
        delay: (error: unknown, attempt) =>
          defer(() => {
            if (attempt > maxRetries) return throwError(() => error);
            return delayOf(fullJitter(attempt, RETRY_DELAY_MS, MAX_RETRY_DELAY_MS, random), scheduler);
          }),
      }),
      catchError(() => EMPTY),
    );
  const writes = (maxRetries: number): Observable<unknown> => merge(...account.stores.map((store) => write(store, maxRetries)));
  return concat(writes(Infinity).pipe(takeUntil(stop$)), writes(MAX_RETRIES_AFTER_STOP));
}

const RETRY_DELAY_MS = 1_000;
const MAX_RETRY_DELAY_MS = 20_000;
const MAX_RETRIES_AFTER_STOP = 3;

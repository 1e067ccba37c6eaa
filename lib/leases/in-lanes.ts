import { from, mergeMap, type Observable } from 'rxjs';
import { KeyedQueue } from '../internal/keyed-queue.js';

/**
 * Works on the items, `lanes` of them at a time.
 *
 * @remarks Unlike `mergeMap` with a limit, it can take any number of items whose work ends synchronously.
 */
export function inLanes<T, R>(items: readonly T[], lanes: number, work: (item: T) => Observable<R>): Observable<R> {
  const queue = new KeyedQueue(lanes);
  return from(items).pipe(mergeMap((item) => queue.run('', work(item))));
}

import { defer, from, mergeMap, type Observable } from 'rxjs';
import { Lanes } from '../internal/lanes.js';

/**
 * Works on the items, `lanes` of them at a time.
 *
 * @remarks Unlike `mergeMap` with a limit, it can take any number of items whose work ends synchronously. After an error, and once it is unsubscribed, no more
 * work begins.
 */
export function inLanes<T, R>(items: readonly T[], lanes: number, work: (item: T) => Observable<R>): Observable<R> {
  return defer(() => {
    const queue = new Lanes(lanes);
    return from(items).pipe(mergeMap((item) => queue.run(work(item))));
  });
}

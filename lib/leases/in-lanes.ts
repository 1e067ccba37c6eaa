import { from, mergeMap, Observable } from 'rxjs';
import { KeyedQueue } from '../internal/keyed-queue.js';

/**
 * Works on the items, `lanes` of them at a time.
 *
 * @remarks Unlike `mergeMap` with a limit, it can take any number of items whose work ends synchronously. After an error, and once it is unsubscribed, no more
 * work begins.
 */
export function inLanes<T, R>(items: readonly T[], lanes: number, work: (item: T) => Observable<R>): Observable<R> {
  return new Observable((subscriber) => {
    const queue = new KeyedQueue(lanes);
    // Before what runs is torn down, which makes room in the lanes.
    subscriber.add(() => queue.close());
    return from(items)
      .pipe(mergeMap((item) => queue.run('', work(item))))
      .subscribe(subscriber);
  });
}

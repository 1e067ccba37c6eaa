import { Observable } from 'rxjs';
import { subscribeWithin } from './subscribe-within.js';

/**
 * Subscribes to `source` up to its first value, and then mirrors what `project` makes of it: `source.pipe(take(1), concatMap(project))`, with one
 * subscriber instead of three, for what is done at each read of each shard.
 *
 * @remarks Completes when the source completes without a value. If `project` throws, the result errors.
 */
export function firstThen<T, R>(source: Observable<T>, project: (value: T) => Observable<R>): Observable<R> {
  return new Observable<R>((subscriber) =>
    subscribeWithin(subscriber, source, {
      next: (value, first) => {
        first.unsubscribe();
        project(value).subscribe(subscriber);
      },
    }),
  );
}

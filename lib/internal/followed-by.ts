import { Observable } from 'rxjs';
import { subscribeWithin } from './subscribe-within.js';

/** Mirrors `first`, and then `second`: a `concat` that keeps nothing of the first one while the second one lasts. */
export function followedBy<T>(first: Observable<T>, second: Observable<T>): Observable<T> {
  return new Observable<T>((subscriber) =>
    subscribeWithin(subscriber, first, {
      next: (value) => subscriber.next(value),
      complete: (source) => {
        source.unsubscribe();
        second.subscribe(subscriber);
      },
    }),
  );
}

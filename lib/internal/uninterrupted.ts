import { ReplaySubject, type Observable } from 'rxjs';

/** Subscribes to `work` now and lets it run to its end, even when the result is unsubscribed: a write cannot be undone. */
export function uninterrupted<T>(work: Observable<T>): Observable<T> {
  const result = new ReplaySubject<T>(Infinity);
  work.subscribe(result);
  return result;
}

import { ReplaySubject, type Observable } from 'rxjs';

/** Subscribes `work` now and lets it run to its end, whoever unsubscribes: a write cannot be called back. */
export function uninterrupted<T>(work: Observable<T>): Observable<T> {
  const result = new ReplaySubject<T>(Infinity);
  work.subscribe(result);
  return result;
}

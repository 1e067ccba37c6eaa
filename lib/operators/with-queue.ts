import { Observable, tap } from 'rxjs';
import { KeyedQueue } from '../internal/keyed-queue.js';

/**
 * Makes an Observable with a queue that begins no more work once it has ended or was unsubscribed.
 *
 * @remarks
 * The queue is closed before any work is torn down, and before an error is passed on: otherwise each work that is torn down would begin the next one, although nobody
 * waits for it any more.
 */
export function withQueue<T>(work: (queue: KeyedQueue) => Observable<T>): Observable<T> {
  return new Observable<T>((subscriber) => {
    const queue = new KeyedQueue();
    subscriber.add(() => queue.close());
    work(queue)
      .pipe(tap({ error: () => queue.close() }))
      .subscribe(subscriber);
  });
}

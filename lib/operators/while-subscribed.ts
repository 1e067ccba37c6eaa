import { Observable } from 'rxjs';

/**
 * Makes an Observable whose parts can ask whether it has ended or was unsubscribed.
 *
 * @remarks
 * The answer is known before any part is torn down. A queue whose work is torn down begins the next work, and so on, although nobody waits for it any more;
 * with this, that work can be empty.
 */
export function whileSubscribed<T>(work: (isOver: () => boolean) => Observable<T>): Observable<T> {
  return new Observable<T>((subscriber) => {
    let isOver = false;
    subscriber.add(() => {
      isOver = true;
    });
    work(() => isOver).subscribe(subscriber);
  });
}

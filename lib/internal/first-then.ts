import { defer, Observable, type Subscriber } from 'rxjs';

/**
 * Subscribes to `source` up to its first value, and then mirrors what `project` makes of it: `source.pipe(take(1), concatMap(project))`, with one
 * subscriber instead of three, for what is done at each read of each shard.
 *
 * @remarks Completes when the source completes without a value. If `project` throws, the result errors.
 */
export function firstThen<T, R>(source: Observable<T>, project: (value: T) => Observable<R>): Observable<R> {
  return new Observable<R>((subscriber) => {
    let first: Subscriber<T>;
    // Linked before the source emits, so that a synchronous source stops at its first value.
    const linked$ = new Observable<T>((inner) => {
      first = inner;
      subscriber.add(inner);
      source.subscribe(inner);
    });
    linked$.subscribe({
      next: (value) => {
        first.unsubscribe();
        defer(() => project(value)).subscribe(subscriber);
      },
      error: (error: unknown) => subscriber.error(error),
      complete: () => subscriber.complete(),
    });
  });
}

import { defer, mergeMap, type Observable, type OperatorFunction } from 'rxjs';
import { withQueue } from './with-queue.js';

/** Like `concatMap`, but any number of results in a row may be synchronous. */
export function inTurn<T, R>(project: (value: T) => Observable<R>): OperatorFunction<T, R> {
  return (source) =>
    withQueue((turns) =>
      source.pipe(
        mergeMap((value) =>
          turns.run(
            '',
            defer(() => project(value)),
          ),
        ),
      ),
    );
}

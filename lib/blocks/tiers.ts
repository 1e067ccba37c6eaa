import { catchError, concat, defer, EMPTY, ignoreElements, merge, throwError, type Observable } from 'rxjs';
import type { BoundedStore } from './bounded-store.js';
import { isBlockStoreError } from './errors.js';

/** Tries the tiers of one copy one after another. That memory is full is no fault: it is what the disk is for. */
export function firstOf(tiers: readonly BoundedStore[], failed: (error: unknown) => void): Pick<BoundedStore, 'put'> {
  const [first, ...others] = tiers;
  if (!first || others.length === 0) return first!;
  return {
    put: (block) =>
      first.put(block).pipe(
        ignoreElements(),
        catchError((error: unknown) => {
          if (!(isBlockStoreError(error) && error.fault === 'full')) failed(error);
          return firstOf(others, failed).put(block);
        }),
      ),
  };
}

/** Everything from all calls; errs, when all have ended, if at least `tooMany` of them failed. */
export function allOf<T>(calls: readonly Observable<T>[], failed: (error: unknown) => void, tooMany: number): Observable<T> {
  return defer(() => {
    const errors: unknown[] = [];
    const noting = (error: unknown): Observable<never> => {
      errors.push(error);
      failed(error);
      return EMPTY;
    };
    return concat(
      merge(...calls.map((call) => call.pipe(catchError(noting)))),
      defer(() => (errors.length >= tooMany ? throwError(() => errors[0]) : EMPTY)),
    );
  });
}

/** What a call emits, and nothing when it fails: what one place cannot give, another may. */
export function orNothing<T>(call: Observable<T>, failed: (error: unknown) => void): Observable<T> {
  return call.pipe(
    catchError((error: unknown) => {
      failed(error);
      return EMPTY;
    }),
  );
}

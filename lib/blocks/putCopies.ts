import { catchError, concat, defer, EMPTY, merge, throwError, type Observable } from 'rxjs';
import type { Block } from '../values/block.js';
import type { BoundedStore } from './bounded-store.js';
import { BlockStoreError } from './errors.js';
import { isInvalidValue, isRxKinesisError } from '../values/errors.js';

/**
 * Puts a block into `copies` of the `places` in parallel; a further place replaces one that fails. Completes when all copies are made.
 *
 * @remarks
 * Waits for every put that has begun, also when it is clear that there will be too few copies: when this errors, no put is under way
 * any more.
 *
 * @param failed - called with the error of every put that fails.
 */
export function putCopies(
  block: Block,
  places: readonly Pick<BoundedStore, 'put'>[],
  copies: number,
  failed: (error: unknown) => void,
): Observable<never> {
  return defer(() => {
    const errors: unknown[] = [];
    const free = [...places];
    let made = 0;

    const putSomewhere = (): Observable<never> => {
      const place = free.shift();
      if (!place) return EMPTY;
      return concat(
        place.put(block),
        defer(() => (made++, EMPTY)),
      ).pipe(
        catchError((error: unknown) => {
          errors.push(error);
          failed(error);
          return putSomewhere();
        }),
      );
    };
    const conclude$ = defer(() => (made === copies ? EMPTY : throwError(() => tooFew(made, copies, errors))));
    return concat(merge(...Array.from({ length: copies }, () => putSomewhere())), conclude$);
  });
}

/** Returns the cause itself where it says more than that copies are missing: for a single copy, and for a block that is invalid. */
function tooFew(made: number, copies: number, errors: readonly unknown[]): unknown {
  const [cause] = errors;
  if ((copies === 1 && isRxKinesisError(cause)) || errors.every(isInvalidValue)) return cause;
  const retriable = errors.some((error) => !isRxKinesisError(error) || error.retriable);
  return new BlockStoreError(`the block has ${made} of ${copies} copies`, { fault: 'copies', retriable, cause });
}

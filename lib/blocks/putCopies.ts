import { catchError, concat, defer, EMPTY, ignoreElements, merge, throwError, type Observable } from 'rxjs';
import type { Block } from '../values/block.js';
import type { BoundedStore } from './bounded-store.js';
import { BlockStoreError } from './errors.js';
import { isInvalidValue, isRxKinesisError } from '../values/errors.js';

/**
 * Puts a block into as many of `places` as there are to be `copies`, at once; a further place stands in for one that fails.
 * Completes when there are so many copies.
 *
 * @remarks
 * Waits for every put that was begun, also when it is clear that there will be too few: then nothing is under way any more when
 * this errs.
 *
 * @param failed - told of every put that failed.
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
        place.put(block).pipe(ignoreElements()),
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

/** The only copy's own error says more than that it is missing, and so does what is wrong with the block itself. */
function tooFew(made: number, copies: number, errors: readonly unknown[]): unknown {
  const [cause] = errors;
  if ((copies === 1 && isRxKinesisError(cause)) || errors.every(isInvalidValue)) return cause;
  const retriable = errors.some((error) => !isRxKinesisError(error) || error.retriable);
  return new BlockStoreError(`the block has ${made} of ${copies} copies`, { fault: 'copies', retriable, cause });
}

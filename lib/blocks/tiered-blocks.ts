import { catchError, concat, defer, distinct, EMPTY, ignoreElements, merge, of, take, throwError, type Observable } from 'rxjs';
import { KeyedQueue } from '../internal/keyed-queue.js';
import { uninterrupted } from '../internal/uninterrupted.js';
import type { BlockStoreFailedEvent } from '../monitoring/block-events.js';
import type { EventSink } from '../monitoring/events.js';
import type { Block } from '../values/block.js';
import { isFinal } from '../values/errors.js';
import type { BlockStore } from './block-store.js';
import { LIMITS_ITS_PLACES, type BoundedStore } from './bounded-store.js';
import { isBlockStoreError } from './errors.js';
import { putCopies } from './putCopies.js';

/**
 * Keeps blocks in several places: a local copy, whose tiers are tried one after another, and replicas.
 *
 * @remarks The `put` and `delete` calls of one block wait for each other and always run to their end: a late `put` would undo a `delete`.
 */
export class TieredBlocks implements BlockStore {
  readonly #local: readonly BoundedStore[];
  readonly #replicas: readonly BoundedStore[];
  readonly #copies: number;
  readonly #notify: EventSink;
  readonly #turns = new KeyedQueue();

  /** @param copies - the number of copies that make a block count as stored. */
  constructor(local: readonly BoundedStore[], replicas: readonly BoundedStore[], copies: number, notify: EventSink) {
    this.#local = local;
    this.#replicas = replicas;
    this.#copies = copies;
    this.#notify = notify;
  }

  get [LIMITS_ITS_PLACES](): true {
    return true;
  }

  put(block: Block): Observable<never> {
    const failed = this.#reporting('put', block.id);
    return this.#inTurn(block.id, putCopies(block, [firstOf(this.#local, failed), ...this.#replicas], this.#copies, failed));
  }

  get(id: string): Observable<Block | undefined> {
    return defer(() => {
      const errors: unknown[] = [];
      const noting = notingIn(errors, this.#reporting('get', id));
      const ask = (place: BoundedStore): Observable<Block> => place.get(id).pipe(catchError(noting));
      // A place with a fault that passes may have the block.
      const missing$ = defer(() => {
        const passing = errors.filter((error) => !isFinal(error));
        return passing.length > 0 ? throwError(() => passing[0]) : of(undefined);
      });
      return concat(...this.#local.map(ask), merge(...this.#replicas.map(ask)), missing$).pipe(take(1));
    });
  }

  delete(id: string): Observable<never> {
    const calls = this.#places.map((place) => place.delete(id));
    return this.#inTurn(id, allOf(calls, this.#reporting('delete', id), 1).pipe(ignoreElements()));
  }

  list(): Observable<string> {
    const calls = this.#places.map((place) => place.list());
    return allOf(calls, this.#reporting('list'), calls.length).pipe(distinct());
  }

  get #places(): readonly BoundedStore[] {
    return [...this.#local, ...this.#replicas];
  }

  #inTurn(id: string, work: Observable<never>): Observable<never> {
    return defer(() => uninterrupted(this.#turns.run(id, work)));
  }

  #reporting(action: BlockStoreFailedEvent['action'], blockId?: string): (error: unknown) => void {
    return (error) => this.#notify({ type: 'blockStoreFailed', action, ...(blockId !== undefined && { blockId }), error });
  }
}

/** Tries the tiers of one copy one after another. A full memory is not reported as a failure: the disk takes the block. */
function firstOf(tiers: readonly BoundedStore[], failed: (error: unknown) => void): Pick<BoundedStore, 'put'> {
  const [first, ...others] = tiers;
  if (!first || others.length === 0) return first!;
  return {
    put: (block) =>
      first.put(block).pipe(
        catchError((error: unknown) => {
          if (!(isBlockStoreError(error) && error.fault === 'full')) failed(error);
          return firstOf(others, failed).put(block);
        }),
      ),
  };
}

/** Merges all calls; when all have ended, errors if at least `tooMany` of them failed. */
function allOf<T>(calls: readonly Observable<T>[], failed: (error: unknown) => void, tooMany: number): Observable<T> {
  return defer(() => {
    const errors: unknown[] = [];
    return concat(
      merge(...calls.map((call) => call.pipe(catchError(notingIn(errors, failed))))),
      defer(() => (errors.length >= tooMany ? throwError(() => errors[0]) : EMPTY)),
    );
  });
}

/** Turns an error of a call into an empty result, since another place may answer; notes it in `errors`. */
function notingIn(errors: unknown[], failed: (error: unknown) => void): (error: unknown) => Observable<never> {
  return (error) => {
    errors.push(error);
    failed(error);
    return EMPTY;
  };
}

import { catchError, concat, defaultIfEmpty, defer, distinct, EMPTY, ignoreElements, merge, take, throwError, type Observable } from 'rxjs';
import { KeyedQueue } from '../internal/keyed-queue.js';
import { uninterrupted } from '../internal/uninterrupted.js';
import type { BlockStoreFailedEvent, EventSink } from '../monitoring/events.js';
import type { Block } from '../values/block.js';
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
    const failed = this.#reporting('get', id);
    const ask = (place: BoundedStore): Observable<Block> => orNothing(place.get(id), failed);
    return concat(...this.#local.map(ask), merge(...this.#replicas.map(ask))).pipe(take(1), defaultIfEmpty(undefined));
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

/** Turns the error of a call into an empty result, since another place may have the block. */
function orNothing<T>(call: Observable<T>, failed: (error: unknown) => void): Observable<T> {
  return call.pipe(
    catchError((error: unknown) => {
      failed(error);
      return EMPTY;
    }),
  );
}

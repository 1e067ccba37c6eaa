import {
  defer,
  filter,
  from,
  identity,
  ignoreElements,
  mergeMap,
  take,
  takeUntil,
  throwError,
  type MonoTypeOperatorFunction,
  type Observable,
  type ObservableInput,
  type SchedulerLike,
} from 'rxjs';
import { reduced } from '../internal/aws-fault.js';
import { delayOf } from '../internal/delay.js';
import type { Block } from '../values/block.js';
import type { BlockStore } from './block-store.js';
import { BlockStoreError } from './errors.js';
import { assertWholeBlock } from './whole-block.js';

/** A store whose every call ends, even if the store behind it never answers. */
export interface BoundedStore {
  put(block: Block): Observable<never>;
  /** Emits the block with this id, verified to be whole; emits nothing when there is none. */
  get(id: string): Observable<Block>;
  delete(id: string): Observable<never>;
  list(): Observable<string>;
}

/** How long a call may take. */
export interface CallLimit {
  readonly requestTimeoutMs: number;
  readonly scheduler: SchedulerLike;
}

/**
 * The mark of a store that limits the time of each of its places by itself. A limit on the whole would end while the first place that
 * hangs has its time, and the next would never be asked. Every copy of the package in a process knows it by this symbol.
 */
export const LIMITS_ITS_PLACES: unique symbol = Symbol.for('rx-kinesis/1/limitsItsPlaces') as never;

/** Limits the time of a store's calls, unless it does so by itself, and verifies every block that it emits. */
export function boundedStore(store: BlockStore, limit: CallLimit): BoundedStore {
  const isLimited = LIMITS_ITS_PLACES in store;
  const call = <T>(what: string, made: () => ObservableInput<T>): Observable<T> =>
    defer(() => from(made())).pipe(reduced(), isLimited ? identity : within(what, limit));
  const whole =
    (id: string) =>
    (block: Block | undefined): block is Block => {
      if (block === undefined || block === null) return false;
      assertWholeBlock(block, id);
      return true;
    };
  return {
    put: (block) => call('put', () => store.put(block)).pipe(ignoreElements()),
    get: (id) => call('get', () => store.get(id)).pipe(take(1), filter(whole(id))),
    delete: (id) => call('delete', () => store.delete(id)).pipe(ignoreElements()),
    list: () => call('list', () => store.list()),
  };
}

/** Errors when a call has not ended in time. What a store emits on the way gives it no more time: one that goes on emitting would never end. */
function within<T>(what: string, { requestTimeoutMs, scheduler }: CallLimit): MonoTypeOperatorFunction<T> {
  const late = (): BlockStoreError =>
    new BlockStoreError(`${what}: the block store was not done within ${requestTimeoutMs} ms`, { fault: 'timeout', retriable: true });
  return takeUntil(delayOf(requestTimeoutMs, scheduler).pipe(mergeMap(() => throwError(() => late()))));
}

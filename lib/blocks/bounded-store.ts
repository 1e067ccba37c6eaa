import {
  defer,
  filter,
  from,
  ignoreElements,
  take,
  throwError,
  timeout,
  type Observable,
  type ObservableInput,
  type SchedulerLike,
} from 'rxjs';
import { reduced } from '../internal/aws-fault.js';
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

/** How long a call may take without an answer. */
export interface CallLimit {
  readonly requestTimeoutMs: number;
  readonly scheduler: SchedulerLike;
}

/** Limits the time of a store's calls, and verifies every block that it emits. */
export function boundedStore(store: BlockStore, limit: CallLimit): BoundedStore {
  const call = <T>(what: string, made: () => ObservableInput<T>): Observable<T> =>
    defer(() => from(made())).pipe(reduced(), within(what, limit));
  // What a store emits on the way to the end of these calls is no answer: one that goes on emitting would never be late.
  const done = (what: string, made: () => ObservableInput<unknown>): Observable<never> =>
    call(what, () => from(made()).pipe(ignoreElements()));
  const whole =
    (id: string) =>
    (block: Block | undefined): block is Block => {
      if (block === undefined || block === null) return false;
      assertWholeBlock(block, id);
      return true;
    };
  return {
    put: (block) => done('put', () => store.put(block)),
    get: (id) => call('get', () => store.get(id)).pipe(take(1), filter(whole(id))),
    delete: (id) => done('delete', () => store.delete(id)),
    list: () => call('list', () => store.list()),
  };
}

/** Errors when a call neither emits nor completes for too long. */
function within<T>(what: string, { requestTimeoutMs, scheduler }: CallLimit) {
  const late = () =>
    throwError(
      () => new BlockStoreError(`${what}: no answer of the block store for ${requestTimeoutMs} ms`, { fault: 'timeout', retriable: true }),
    );
  return timeout<T, Observable<never>>({ each: requestTimeoutMs, with: late, scheduler });
}

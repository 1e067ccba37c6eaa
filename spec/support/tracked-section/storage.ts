import { concat, concatMap, defer, from, ignoreElements, NEVER, of, throwError, timer, type Observable } from 'rxjs';
import type { BlockStore } from '../../../lib/blocks/block-store.js';
import { memoryBlocks } from '../../../lib/blocks/memoryBlocks.js';
import type { Storage } from './course.js';

/** A store in memory, with the faults of a course, which outlives the processes. */
export interface CourseBlocks extends BlockStore {
  /** A process has ended: what it held in its memory is gone. */
  endProcess(): void;
  /** Lets nothing that is under way reach the store any more. */
  crash(): void;
}

/** Makes the store of a course. */
export function blocksOf({ callMs, failing, hanging, losing, isDurable }: Storage): CourseBlocks {
  let store = memoryBlocks();
  let calls = 0;
  let gets = 0;
  let crashes = 0;
  const answer = <T>(call: () => Observable<T>): Observable<T> =>
    defer(() => {
      const number = calls++;
      const alive = crashes;
      if (hanging.includes(number)) return NEVER;
      if (failing.includes(number))
        return concat(
          timer(callMs).pipe(ignoreElements()),
          throwError(() => new Error('of the store')),
        );
      return timer(callMs).pipe(concatMap(() => (alive === crashes ? call() : NEVER)));
    });
  return {
    put: (block) => answer(() => from(store.put(block))),
    get: (id) => answer(() => (losing.includes(gets++) ? of(undefined) : from(store.get(id)))),
    delete: (id) => answer(() => from(store.delete(id))),
    list: () => answer(() => from(store.list())),
    crash: () => void crashes++,
    endProcess: () => {
      if (!isDurable) store = memoryBlocks();
    },
  };
}

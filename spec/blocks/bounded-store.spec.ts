import { catchError, EMPTY, interval, map, NEVER, throwError, timer, type Observable } from 'rxjs';
import type { BlockStore } from '../../lib/blocks/block-store.js';
import { boundedStore } from '../../lib/blocks/bounded-store.js';
import { blockStore } from '../../lib/blocks/blockStore.js';
import type { BlockStoreError } from '../../lib/blocks/errors.js';
import { memoryBlocks } from '../../lib/blocks/memoryBlocks.js';
import { block, marbles } from '../../lib/testing/index.js';

const one = block(1, 2);
const silent = (): BlockStore => ({ put: () => NEVER, get: () => NEVER, delete: () => NEVER, list: () => NEVER });
const place = (calls: Partial<BlockStore> = {}): BlockStore => ({ ...memoryBlocks(), ...calls });
/** The same store behind calls of a user's own. */
const wrapped = (store: BlockStore): BlockStore => ({
  put: (given) => store.put(given),
  get: (id) => store.get(id),
  delete: (id) => store.delete(id),
  list: () => store.list(),
});
const faults = <T>(call: Observable<T>): Observable<T> =>
  call.pipe(catchError((error: unknown) => throwError(() => (error as BlockStoreError).fault)));

describe('boundedStore, around a blockStore with the same time-out', () => {
  const limitMs = 5;

  it(
    'lets the spare replica take the copy of a replica that hangs',
    marbles(({ expectObservable, scheduler }) => {
      const limit = { requestTimeoutMs: limitMs, scheduler };
      const spare = place({ put: () => timer(2) });
      const store = blockStore('DISK_ONLY_2', { disk: place(), replicas: [silent(), spare], events: 'silent', ...limit });
      expectObservable(boundedStore(store, limit).put(one)).toBe('-------|');
    }),
  );

  it(
    'lets the disk take what memory hangs with, and replicas what both hang with',
    marbles(({ expectObservable, scheduler }) => {
      const limit = { requestTimeoutMs: limitMs, scheduler };
      const slow = () => place({ put: () => timer(2) });
      const spilled = blockStore('MEMORY_AND_DISK', { memory: silent(), disk: slow(), events: 'silent', ...limit });
      const replicas = [slow(), silent(), slow()];
      const replaced = blockStore('MEMORY_AND_DISK_2', { memory: silent(), disk: silent(), replicas, events: 'silent', ...limit });
      expectObservable(boundedStore(spilled, limit).put(one)).toBe('-------|');
      // The local copy: memory, the disk, the silent replica, the last one; the first replica has the other copy.
      expectObservable(boundedStore(replaced, limit).put(one)).toBe('-----------------|');
    }),
  );

  it(
    'ends when each place in turn has had its time',
    marbles(({ expectObservable, scheduler }) => {
      const limit = { requestTimeoutMs: limitMs, scheduler };
      const store = blockStore('DISK_ONLY_2', { disk: silent(), replicas: [silent(), silent(), silent()], events: 'silent', ...limit });
      expectObservable(faults(boundedStore(store, limit).put(one))).toBe('----------#', undefined, 'copies');
      expectObservable(faults(boundedStore(store, limit).get(one.id))).toBe('----------#', undefined, 'timeout');
      // The delete of the same block waits for the put.
      expectObservable(faults(boundedStore(store, limit).delete(one.id))).toBe('---------------#', undefined, 'timeout');
      expectObservable(faults(boundedStore(store, limit).list())).toBe('-----#', undefined, 'timeout');
    }),
  );

  it(
    'asks the third place when two hang',
    marbles(({ expectObservable, scheduler }) => {
      const limit = { requestTimeoutMs: limitMs, scheduler };
      const replica = place({ get: () => timer(2).pipe(map(() => one)) });
      const store = blockStore('MEMORY_AND_DISK_2', {
        memory: silent(),
        disk: silent(),
        replicas: [replica],
        events: 'silent',
        ...limit,
      });
      expectObservable(
        boundedStore(store, limit)
          .get(one.id)
          .pipe(map(() => 'b')),
      ).toBe('------------(b|)');
    }),
  );

  it(
    'lists what the other places have when one hangs',
    marbles(({ expectObservable, scheduler }) => {
      const limit = { requestTimeoutMs: limitMs, scheduler };
      const replica = place({ list: () => timer(2).pipe(map(() => 'id')) });
      const store = blockStore('DISK_ONLY_2', { disk: silent(), replicas: [replica], events: 'silent', ...limit });
      expectObservable(boundedStore(store, limit).list()).toBe('--i--|', { i: 'id' });
    }),
  );

  it(
    'deletes after a put of the same block that hangs',
    marbles(({ expectObservable, scheduler }) => {
      const limit = { requestTimeoutMs: limitMs, scheduler };
      const store = blockStore('DISK_ONLY', { disk: place({ put: () => NEVER, delete: () => timer(2) }), events: 'silent', ...limit });
      const bounded = boundedStore(store, limit);
      const put$ = bounded.put(one).pipe(catchError(() => EMPTY));
      put$.subscribe();
      expectObservable(bounded.delete(one.id)).toBe('-------|');
    }),
  );

  it(
    'lets a blockStore inside another have its time',
    marbles(({ expectObservable, scheduler }) => {
      const limit = { requestTimeoutMs: limitMs, scheduler };
      const slow = () => place({ put: () => timer(2) });
      const near = blockStore('MEMORY_AND_DISK', { memory: silent(), disk: slow(), events: 'silent', ...limit });
      const store = blockStore('DISK_ONLY_2', { disk: slow(), replicas: [near], events: 'silent', ...limit });
      expectObservable(boundedStore(store, limit).put(one)).toBe('-------|');
    }),
  );
});

describe('boundedStore, around a store of a user', () => {
  const stores: Readonly<Record<string, BlockStore>> = {
    'that never answers': silent(),
    'that wraps a blockStore': wrapped(blockStore('DISK_ONLY', { disk: silent(), events: 'silent' })),
    'that is a copy of a blockStore with its own calls': { ...blockStore('MEMORY_ONLY'), ...silent() },
  };
  for (const [name, store] of Object.entries(stores)) {
    it(
      `limits each call of one ${name}`,
      marbles(({ expectObservable, scheduler }) => {
        const bounded = boundedStore(store, { requestTimeoutMs: 5, scheduler });
        for (const call of [bounded.put(one), bounded.get(one.id), bounded.delete(one.id), bounded.list()]) {
          expectObservable(faults(call as Observable<unknown>)).toBe('-----#', undefined, 'timeout');
        }
      }),
    );
  }

  it(
    'limits a put, a delete and a list that go on emitting',
    marbles(({ expectObservable, scheduler }) => {
      const goingOn = () => interval(2, scheduler);
      const busy = place({ put: goingOn, delete: goingOn, list: () => goingOn().pipe(map(String)) });
      const bounded = boundedStore(busy, { requestTimeoutMs: 5, scheduler });
      expectObservable(faults(bounded.put(one))).toBe('-----#', undefined, 'timeout');
      expectObservable(faults(bounded.delete(one.id))).toBe('-----#', undefined, 'timeout');
      expectObservable(faults(bounded.list())).toBe('--0-1#', ['0', '1'], 'timeout');
    }),
  );
});

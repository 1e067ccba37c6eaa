import { expect } from 'chai';
import { count, EMPTY, map, mergeMap, of, range, repeat, Subject, takeUntil, tap, timer } from 'rxjs';
import { memoryBlocks } from '../../lib/blocks/memoryBlocks.js';
import { storeBlocks } from '../../lib/operators/storeBlocks.js';
import { block, marbles } from '../../lib/testing/index.js';
import type { Block } from '../../lib/values/block.js';
import { openedShard } from '../support/quick-shard.js';
import { handleOf } from '../support/stored-blocks.js';

const values: Record<string, Block> = { a: block(1), b: block(2, 3), c: block(4) };
const handles = { a: handleOf(values.a!), b: handleOf(values.b!), c: handleOf(values.c!) };
const failure = new TypeError('of the user');

describe('storeBlocks', () => {
  it(
    'puts each block and emits its handle when it is stored, one after another',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  -a----bc-|    ', values);
      const subs = '         ^--------!    ';
      const expected = '     ----a----b--(c|)';
      const blocks = { ...memoryBlocks(), put: () => timer(3) };

      expectObservable(source.pipe(storeBlocks(blocks, { shard: openedShard() }))).toBe(expected, handles);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'never ends when its source never ends',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  -a-', values);
      const subs = '         ^--';
      const expected = '     -a-';

      expectObservable(source.pipe(storeBlocks(memoryBlocks(), { shard: openedShard() }))).toBe(expected, handles);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'completes at once when its source is empty',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  |   ', values);
      const subs = '         (^!)';
      const expected = '     |   ';

      expectObservable(source.pipe(storeBlocks(memoryBlocks(), { shard: openedShard() }))).toBe(expected);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'errors when its source errors',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  -a-#', values, failure);
      const subs = '         ^--!';
      const expected = '     -a-#';

      expectObservable(source.pipe(storeBlocks(memoryBlocks(), { shard: openedShard() }))).toBe(expected, handles, failure);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'unsubscribes its source when it is unsubscribed',
    marbles(({ hot, expectObservable, expectSubscriptions }) => {
      const source = hot('  -a--b--c-|', values);
      const subs = '        ^----!    ';
      const expected = '    -a--b-    ';
      const unsub = '       -----!    ';

      const result = source.pipe(
        mergeMap((x) => of(x)),
        storeBlocks(memoryBlocks(), { shard: openedShard() }),
        mergeMap((x) => of(x)),
      );
      expectObservable(result, unsub).toBe(expected, handles);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'takes a synchronous source, and stops it when unsubscribed',
    marbles(({ expectObservable, flush }) => {
      const taken: number[] = [];
      const enough$ = new Subject<void>();
      const source = range(1, 10).pipe(
        tap((n) => taken.push(n)),
        map((n) => block(n)),
        tap(() => taken.length === 2 && enough$.next()),
      );
      const expected = '|';

      // No handle comes before the source is subscribed: what it emits by then waits for its turn.
      expectObservable(source.pipe(storeBlocks(memoryBlocks(), { shard: openedShard() }), takeUntil(enough$))).toBe(expected);
      flush();
      expect(taken).to.deep.equal([1, 2]);
    }),
  );

  it(
    'sends to error what its callback throws',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  -a-|', values);
      const subs = '         ^!  ';
      const expected = '     -#  ';
      const put = (): never => {
        throw failure;
      };

      // The store is its only callback.
      const result = source.pipe(storeBlocks({ ...memoryBlocks(), put }, { shard: openedShard(), maxRetries: 0 }));
      expectObservable(result).toBe(expected, handles, failure);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'serves two subscribers independently',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  -ab-|     ', values);
      const subs1 = '        ^---!     ';
      const expected1 = '    ----a--(b|)';
      const subs2 = '        --^---!    ';
      const expected2 = '    ------a--(b|)';
      const blocks = { ...memoryBlocks(), put: () => timer(3) };

      // Neither waits for the puts of the other.
      const result = source.pipe(storeBlocks(blocks, { shard: openedShard() }));
      expectObservable(result).toBe(expected1, handles);
      expectObservable(result, '--^').toBe(expected2, handles);
      expectSubscriptions(source.subscriptions).toBe([subs1, subs2]);
    }),
  );

  it(
    'starts anew when it is subscribed again',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  -a-b|    ', values);
      const subs = ['        ^---!    ', '----^---!'];
      const expected = '     -a-b-a-b|';

      expectObservable(source.pipe(storeBlocks(memoryBlocks(), { shard: openedShard() }), repeat(2))).toBe(expected, handles);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'takes 50 000 values synchronously without overflowing the stack',
    marbles(
      ({ expectObservable }) => {
        const source = range(1, 50_000).pipe(map((n) => block(n)));
        const expected = '-----(n|)';
        let puts = 0;
        const put = () => (puts++ === 0 ? timer(5) : EMPTY);

        // The first put holds up the others, so that they all wait for their turn, and then complete at once.
        const result = source.pipe(storeBlocks({ ...memoryBlocks(), put }, { shard: openedShard() }), count());
        expectObservable(result).toBe(expected, { n: 50_000 });
      },
      { maxActions: 10_000_000 },
    ),
  ).timeout(60_000);
});

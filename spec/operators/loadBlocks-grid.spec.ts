import { expect } from 'chai';
import { count, from, map, mergeMap, of, range, repeat, take, tap, timer } from 'rxjs';
import type { BlockStore } from '../../lib/blocks/block-store.js';
import { memoryBlocks } from '../../lib/blocks/memoryBlocks.js';
import { loadBlocks } from '../../lib/operators/loadBlocks.js';
import { block, marbles } from '../../lib/testing/index.js';
import type { Block } from '../../lib/values/block.js';
import { openedShard } from '../support/quick-shard.js';
import { handleOf, holding } from '../support/stored-blocks.js';

const values: Record<string, Block> = { a: block(1), b: block(2, 3), c: block(4) };
const handles = { a: handleOf(values.a!), b: handleOf(values.b!), c: handleOf(values.c!) };
const failure = new TypeError('of the user');

/** A store that holds the blocks, and answers a `get` after 3 ms. */
function slow(): BlockStore {
  const blocks = holding(values);
  return { ...blocks, get: (id) => timer(3).pipe(mergeMap(() => blocks.get(id))) };
}

describe('loadBlocks', () => {
  it(
    'turns each handle into its block, in order, one after another',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  -a----bc-|      ', handles);
      const subs = '         ^--------!      ';
      const expected = '     ----a----b--(c|)';

      expectObservable(source.pipe(loadBlocks(slow(), { shard: openedShard() }))).toBe(expected, values);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'never ends when its source never ends',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  -a-', handles);
      const subs = '         ^--';
      const expected = '     -a-';

      expectObservable(source.pipe(loadBlocks(holding(values), { shard: openedShard() }))).toBe(expected, values);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'completes at once when its source is empty',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  |   ', handles);
      const subs = '         (^!)';
      const expected = '     |   ';

      expectObservable(source.pipe(loadBlocks(holding(values), { shard: openedShard() }))).toBe(expected);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'errors when its source errors',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  -a-#', handles, failure);
      const subs = '         ^--!';
      const expected = '     -a-#';

      expectObservable(source.pipe(loadBlocks(holding(values), { shard: openedShard() }))).toBe(expected, values, failure);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'unsubscribes its source when it is unsubscribed',
    marbles(({ hot, expectObservable, expectSubscriptions }) => {
      const source = hot('  -a--b--c-|', handles);
      const subs = '        ^----!    ';
      const expected = '    -a--b-    ';
      const unsub = '       -----!    ';

      const result = source.pipe(
        mergeMap((x) => of(x)),
        loadBlocks(holding(values), { shard: openedShard() }),
        mergeMap((x) => of(x)),
      );
      expectObservable(result, unsub).toBe(expected, values);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'takes a synchronous source, and stops it when unsubscribed',
    marbles(({ expectObservable, flush }) => {
      const taken: string[] = [];
      const source = from(Object.values(handles)).pipe(tap(({ id }) => taken.push(id)));
      const expected = '(ab|)';

      expectObservable(source.pipe(loadBlocks(holding(values), { shard: openedShard() }), take(2))).toBe(expected, values);
      flush();
      expect(taken).to.deep.equal([handles.a.id, handles.b.id]);
    }),
  );

  // Left out: 'sends to error what its callback throws': a store that throws has lost the block, which is read again from Kinesis.

  it(
    'serves two subscribers independently',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  -ab-|        ', handles);
      const subs1 = '        ^---!        ';
      const expected1 = '    ----a--(b|)  ';
      const subs2 = '        --^---!      ';
      const expected2 = '    ------a--(b|)';

      // Neither waits for what the other loads.
      const result = source.pipe(loadBlocks(slow(), { shard: openedShard() }));
      expectObservable(result).toBe(expected1, values);
      expectObservable(result, '--^').toBe(expected2, values);
      expectSubscriptions(source.subscriptions).toBe([subs1, subs2]);
    }),
  );

  it(
    'starts anew when it is subscribed again',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  -a-b|    ', handles);
      const subs = ['        ^---!    ', '----^---!'];
      const expected = '     -a-b-a-b|';

      expectObservable(source.pipe(loadBlocks(holding(values), { shard: openedShard() }), repeat(2))).toBe(expected, values);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'takes 50 000 values synchronously without overflowing the stack',
    marbles(
      ({ expectObservable }) => {
        const source = range(1, 50_000).pipe(map(() => ({ ...handles.a })));
        const expected = '-----(n|)';
        let gets = 0;
        const get = () => (gets++ === 0 ? timer(5).pipe(map(() => values.a!)) : of(values.a!));

        // The first block holds up the others, so that they all wait for their turn, and then come at once.
        const result = source.pipe(loadBlocks({ ...memoryBlocks(), get }, { shard: openedShard() }), count());
        expectObservable(result).toBe(expected, { n: 50_000 });
      },
      { maxActions: 10_000_000 },
    ),
  ).timeout(60_000);
});

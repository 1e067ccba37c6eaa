import { expect } from 'chai';
import { count, from, map, mergeMap, of, range, repeat, take, tap } from 'rxjs';
import { memoryBlocks } from '../../lib/blocks/memoryBlocks.js';
import { releaseBlocks } from '../../lib/operators/releaseBlocks.js';
import { block, marbles } from '../../lib/testing/index.js';
import type { Block } from '../../lib/values/block.js';
import { holding, idsHeldBy } from '../support/stored-blocks.js';

const values: Record<string, Block> = { a: block(1), b: block(2, 3), c: block(4) };
const failure = new TypeError('of the user');

describe('releaseBlocks', () => {
  it(
    'passes blocks on at once and unchanged, and deletes what the store holds of them',
    marbles(({ cold, expectObservable, expectSubscriptions, flush }) => {
      const source = cold('  -a-b--|', values);
      const subs = '         ^-----!';
      const expected = '     -a-b--|';
      const blocks = holding(values);

      expectObservable(source.pipe(releaseBlocks(blocks))).toBe(expected, values);
      expectSubscriptions(source.subscriptions).toBe(subs);
      flush();
      expect(idsHeldBy(blocks)).to.deep.equal([values.c!.id]);
    }),
  );

  it(
    'never ends when its source never ends',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  -a-', values);
      const subs = '         ^--';
      const expected = '     -a-';

      expectObservable(source.pipe(releaseBlocks(holding(values)))).toBe(expected, values);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'completes at once when its source is empty',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  |   ', values);
      const subs = '         (^!)';
      const expected = '     |   ';

      expectObservable(source.pipe(releaseBlocks(holding(values)))).toBe(expected);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'errors when its source errors',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  -a-#', values, failure);
      const subs = '         ^--!';
      const expected = '     -a-#';

      expectObservable(source.pipe(releaseBlocks(holding(values)))).toBe(expected, values, failure);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'unsubscribes its source when it is unsubscribed',
    marbles(({ hot, expectObservable, expectSubscriptions, flush }) => {
      const source = hot('  -a--b--c-|', values);
      const subs = '        ^----!    ';
      const expected = '    -a--b-    ';
      const unsub = '       -----!    ';
      const blocks = holding(values);

      const result = source.pipe(
        mergeMap((x) => of(x)),
        releaseBlocks(blocks),
        mergeMap((x) => of(x)),
      );
      expectObservable(result, unsub).toBe(expected, values);
      expectSubscriptions(source.subscriptions).toBe(subs);
      flush();
      expect(idsHeldBy(blocks)).to.deep.equal([values.c!.id]);
    }),
  );

  it(
    'takes a synchronous source, and stops it when unsubscribed',
    marbles(({ expectObservable, flush }) => {
      const taken: string[] = [];
      const source = from(Object.values(values)).pipe(tap(({ id }) => taken.push(id)));
      const expected = '(ab|)';

      expectObservable(source.pipe(releaseBlocks(holding(values)), take(2))).toBe(expected, values);
      flush();
      expect(taken).to.deep.equal([values.a!.id, values.b!.id]);
    }),
  );

  // Left out: 'sends to error what its callback throws': what `delete` of the store throws is a `blockStoreFailed` event.

  it(
    'serves two subscribers independently',
    marbles(({ cold, scheduler, expectObservable, expectSubscriptions, flush }) => {
      const source = cold('  -a--b---|     ', values);
      const subs1 = '        ^-------!     ';
      const expected1 = '    -a--b---|     ';
      const subs2 = '        -----^-------!';
      const expected2 = '    ------a--b---|';
      const deleted: string[] = [];
      const blocks = { ...holding(values), delete: (id: string) => of(deleted.push(`${scheduler.now()} ${id}`)) };

      const result = source.pipe(releaseBlocks(blocks, { retainMs: 3 }));
      expectObservable(result).toBe(expected1, values);
      expectObservable(result, '-----^').toBe(expected2, values);
      expectSubscriptions(source.subscriptions).toBe([subs1, subs2]);
      flush();
      // The end of the first does not cut short what the second retains.
      expect(deleted).to.deep.equal([`4 ${values.a!.id}`, `7 ${values.b!.id}`, `9 ${values.a!.id}`, `12 ${values.b!.id}`]);
    }),
  );

  it(
    'starts anew when it is subscribed again',
    marbles(({ cold, expectObservable, expectSubscriptions, flush }) => {
      const source = cold('  -a-b|    ', values);
      const subs = ['        ^---!    ', '----^---!'];
      const expected = '     -a-b-a-b|';
      const deleted: string[] = [];
      const blocks = { ...holding(values), delete: (id: string) => of(deleted.push(id)) };

      expectObservable(source.pipe(releaseBlocks(blocks), repeat(2))).toBe(expected, values);
      expectSubscriptions(source.subscriptions).toBe(subs);
      flush();
      expect(deleted).to.deep.equal([values.a!, values.b!, values.a!, values.b!].map(({ id }) => id));
    }),
  );

  it(
    'takes 50 000 values synchronously without overflowing the stack',
    marbles(
      ({ expectObservable, flush }) => {
        const source = range(1, 50_000).pipe(map((n) => block(n)));
        const expected = '(n|)';
        let deleted = 0;
        const blocks = { ...memoryBlocks(), delete: () => of(deleted++) };

        expectObservable(source.pipe(releaseBlocks(blocks), count())).toBe(expected, { n: 50_000 });
        flush();
        expect(deleted).to.equal(50_000);
      },
      { maxActions: 10_000_000 },
    ),
  ).timeout(60_000);
});

import { expect } from 'chai';
import { map, mergeMap, of, range, repeat, take, tap } from 'rxjs';
import { blockWithin } from '../../lib/operators/blockWithin.js';
import { marbles } from '../../lib/testing/index.js';

const arrays: Record<string, readonly string[]> = { x: ['a', 'b'], y: ['c'] };

describe('blockWithin', () => {
  it(
    'makes an array of what comes within the time, when it is over',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  -(ab)-c--|');
      const subs = '         ^--------!';
      const expected = '     ---x----y|';

      expectObservable(source.pipe(blockWithin(2))).toBe(expected, arrays);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'never ends when its source never ends',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  -c--');
      const subs = '         ^---';
      const expected = '     ---y';

      expectObservable(source.pipe(blockWithin(2))).toBe(expected, arrays);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'completes at once when its source is empty',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  |   ');
      const subs = '         (^!)';
      const expected = '     |   ';

      expectObservable(source.pipe(blockWithin(2))).toBe(expected);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'errors when its source errors',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  -c--c#');
      const subs = '         ^----!';
      const expected = '     ---y-#';

      expectObservable(source.pipe(blockWithin(2))).toBe(expected, arrays);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'unsubscribes its source when it is unsubscribed',
    marbles(({ hot, expectObservable, expectSubscriptions }) => {
      const source = hot('  -c--(ab)-a--|');
      const subs = '        ^---------!  ';
      const expected = '    ---y--x----  ';
      const unsub = '       ----------!  ';

      const result = source.pipe(
        mergeMap((x) => of(x)),
        blockWithin(2),
        mergeMap((x) => of(x)),
      );
      expectObservable(result, unsub).toBe(expected, arrays);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'takes a synchronous source, and stops it when unsubscribed',
    marbles(({ expectObservable, flush }) => {
      const taken: number[] = [];
      const source = range(1, 10).pipe(
        tap((n) => taken.push(n)),
        take(3),
      );
      const expected = '(a|)';

      expectObservable(source.pipe(blockWithin(2), take(1))).toBe(expected, { a: [1, 2, 3] });
      flush();
      expect(taken).to.deep.equal([1, 2, 3]);
    }),
  );

  // Left out: 'sends to error what its callback throws': it has no callback.

  it(
    'serves two subscribers independently',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  -(ab)-c|  ');
      const subs1 = '        ^------!  ';
      const expected1 = '    ---x---(y|)';
      const subs2 = '        --^------!';
      const expected2 = '    -----x---(y|)';

      const result = source.pipe(blockWithin(2));
      expectObservable(result).toBe(expected1, arrays);
      expectObservable(result, '--^').toBe(expected2, arrays);
      expectSubscriptions(source.subscriptions).toBe([subs1, subs2]);
    }),
  );

  it(
    'starts anew when it is subscribed again',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  -c--c|     ');
      const subs = ['        ^----!     ', '-----^----!'];
      const expected = '     ---y-y--y-(y|)';

      expectObservable(source.pipe(blockWithin(2), repeat(2))).toBe(expected, arrays);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'takes 50 000 values synchronously without overflowing the stack',
    marbles(({ expectObservable }) => {
      const expected = '(n|)';

      expectObservable(
        range(1, 50_000).pipe(
          blockWithin(2),
          map((all) => all.length),
        ),
      ).toBe(expected, { n: 50_000 });
    }),
  );
});

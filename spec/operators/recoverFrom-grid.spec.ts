import { expect } from 'chai';
import { count, map, mergeMap, of, range, retry, take, tap } from 'rxjs';
import { BlockUnavailableError } from '../../lib/blocks/errors.js';
import { recoverFrom } from '../../lib/operators/recoverFrom.js';
import { block, marbles, record } from '../../lib/testing/index.js';
import type { Block } from '../../lib/values/block.js';

const values: Record<string, Block> = { a: block(1), b: block(2), c: block(3) };
const failure = new TypeError('of the user');

describe('recoverFrom', () => {
  it(
    'passes everything on while nothing fails',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  -a-b--c-|', values);
      const subs = '         ^-------!';
      const expected = '     -a-b--c-|';

      expectObservable(source.pipe(recoverFrom())).toBe(expected, values);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'never ends when its source never ends',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  -a-', values);
      const subs = '         ^--';
      const expected = '     -a-';

      expectObservable(source.pipe(recoverFrom())).toBe(expected, values);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'completes at once when its source is empty',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  |   ', values);
      const subs = '         (^!)';
      const expected = '     |   ';

      expectObservable(source.pipe(recoverFrom())).toBe(expected);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'errors when its source errors',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  -a-#', values, failure);
      const subs = '         ^--!';
      const expected = '     -a-#';

      // With the recoveries used up: before that it recovers.
      expectObservable(source.pipe(recoverFrom(undefined, { maxRecoveries: 0 }))).toBe(expected, values, failure);
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
        recoverFrom(),
        mergeMap((x) => of(x)),
      );
      expectObservable(result, unsub).toBe(expected, values);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'takes a synchronous source, and stops it when unsubscribed',
    marbles(({ expectObservable, flush }) => {
      const taken: number[] = [];
      const source = range(1, 10).pipe(
        tap((n) => taken.push(n)),
        map((n) => block(n)),
      );
      const expected = '(ab|)';

      expectObservable(source.pipe(recoverFrom(), take(2))).toBe(expected, { a: block(1), b: block(2) });
      flush();
      expect(taken).to.deep.equal([1, 2]);
    }),
  );

  it(
    'sends to error what its callback throws',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  -a-#', values, new BlockUnavailableError(values.a!.ranges));
      const subs = '         ^--!';
      const expected = '     -a-#';
      const read = (): never => {
        throw failure;
      };

      // The re-read fails in the frame in which it begins, and it was the last.
      expectObservable(source.pipe(recoverFrom(undefined, { read, maxRecoveries: 1 }))).toBe(expected, values, failure);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'serves two subscribers independently',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const lost = new BlockUnavailableError(values.a!.ranges);
      const again = { ...values, A: { ...values.a!, recovered: true } };
      const source = cold('   -a-#          ', values, lost);
      const subs1 = ['        ^--!          ', '------^--!    '];
      const expected1 = '     -a----Aa-#    ';
      const subs2 = ['        ----^--!      ', '----------^--!'];
      const expected2 = '     -----a----Aa-#';

      // The second comes while the first reads its lost block again, which takes 3 ms, and has a recovery of its own.
      const read = () => cold('---(r|)', { r: record(1) });
      const result = source.pipe(recoverFrom(undefined, { read, maxRecoveries: 1 }));
      expectObservable(result).toBe(expected1, again, lost);
      expectObservable(result, '----^').toBe(expected2, again, lost);
      expectSubscriptions(source.subscriptions).toBe([subs1[0]!, subs2[0]!, subs1[1]!, subs2[1]!]);
    }),
  );

  it(
    'starts anew when it is subscribed again',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  -a-#         ', values, failure);
      const subs = ['        ^--!         ', '---^--!      ', '------^--!   ', '---------^--!'];
      const expected = '     -a--a--a--a-#';

      // One recovery in each of the two subscriptions.
      expectObservable(source.pipe(recoverFrom(undefined, { maxRecoveries: 1 }), retry(1))).toBe(expected, values, failure);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'takes 50 000 values synchronously without overflowing the stack',
    marbles(({ expectObservable }) => {
      const source = range(1, 50_000).pipe(map((n) => record(n)));
      const expected = '(n|)';

      expectObservable(source.pipe(recoverFrom(), count())).toBe(expected, { n: 50_000 });
    }),
  ).timeout(60_000);
});

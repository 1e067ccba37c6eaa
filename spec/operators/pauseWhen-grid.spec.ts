import { expect } from 'chai';
import { concatWith, count, map, mergeMap, NEVER, of, range, repeat, take, tap, timer } from 'rxjs';
import type { Alert } from '../../lib/monitoring/alert.js';
import { pauseWhen } from '../../lib/operators/pauseWhen.js';
import { block, marbles } from '../../lib/testing/index.js';
import type { Block } from '../../lib/values/block.js';

const values: Record<string, Block> = { a: block(1), b: block(2, 3), c: block(4) };
const alert = (raised: boolean): Alert => ({ type: 'highErrorRate', raised, shardId: '0', value: 1, limit: 0 });
/** Raised, and cleared. */
const alerts = { r: alert(true), x: alert(false) };
const failure = new TypeError('of the user');

describe('pauseWhen', () => {
  it(
    'holds blocks back from when an alert is raised until it is cleared, and then emits them in order',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  -a-b--c---------|', values);
      const subs = '         ^---------------!';
      const alert$ = cold('  --r-------x------', alerts);
      const alertSubs = '    ^---------------!';
      const expected = '     -a--------(bc)--|';

      expectObservable(source.pipe(pauseWhen(alert$))).toBe(expected, values);
      expectSubscriptions(source.subscriptions).toBe(subs);
      expectSubscriptions(alert$.subscriptions).toBe(alertSubs);
    }),
  );

  it(
    'never ends when its source never ends',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  -a-', values);
      const subs = '         ^--';
      const expected = '     -a-';

      expectObservable(source.pipe(pauseWhen(NEVER))).toBe(expected, values);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'completes at once when its source is empty',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold<Block>('  |   ');
      const subs = '         (^!)';
      const expected = '     |   ';

      expectObservable(source.pipe(pauseWhen(cold<Alert>('r', alerts)))).toBe(expected);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'errors when its source errors',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  -a-b-#', values, failure);
      const subs = '         ^----!';
      const expected = '     -a---#';

      expectObservable(source.pipe(pauseWhen(cold('--r', alerts)))).toBe(expected, values, failure);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'unsubscribes its source when it is unsubscribed',
    marbles(({ hot, cold, expectObservable, expectSubscriptions }) => {
      const source = hot('  -a--b--c-|', values);
      const subs = '        ^----!    ';
      const expected = '    -a--b-    ';
      const unsub = '       -----!    ';
      const alert$ = cold(' ---', alerts);

      const result = source.pipe(
        mergeMap((x) => of(x)),
        pauseWhen(alert$),
        mergeMap((x) => of(x)),
      );
      expectObservable(result, unsub).toBe(expected, values);
      expectSubscriptions(source.subscriptions).toBe(subs);
      expectSubscriptions(alert$.subscriptions).toBe(subs);
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

      expectObservable(source.pipe(pauseWhen(NEVER), take(2))).toBe(expected, { a: block(1), b: block(2) });
      flush();
      expect(taken).to.deep.equal([1, 2]);
    }),
  );

  // Left out: 'sends to error what its callback throws': it has no callback.

  it(
    'serves two subscribers independently',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  -a--b|    ', values);
      const subs1 = '        ^----!    ';
      const expected1 = '    -a----(b|)';
      const subs2 = '        --^----!  ';
      const expected2 = '    ---a----(b|)';
      const result = source.pipe(pauseWhen(cold('--r---x', alerts)));

      expectObservable(result).toBe(expected1, values);
      expectObservable(result, '--^').toBe(expected2, values);
      expectSubscriptions(source.subscriptions).toBe([subs1, subs2]);
    }),
  );

  it(
    'starts anew when it is subscribed again',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  -a-b-|     ', values);
      const subs = ['        ^----!     ', '----- ^----!'.replace(' ', '')];
      const expected = '     -a-b--a-b-|';

      // The alert of the first subscription is raised only after its end.
      const result = source.pipe(pauseWhen(cold('------r', alerts)), repeat(2));
      expectObservable(result).toBe(expected, values);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'takes 50 000 values synchronously without overflowing the stack',
    marbles(({ expectObservable }) => {
      const one = block(1);
      const many = range(0, 50_000).pipe(map(() => one));

      expectObservable(many.pipe(pauseWhen(NEVER), count())).toBe('(n|)', { n: 50_000 });
      // Also when they were all held back.
      expectObservable(many.pipe(pauseWhen(of(alert(true)).pipe(concatWith(timer(5).pipe(map(() => alert(false)))))), count())).toBe(
        '-----(n|)',
        { n: 50_000 },
      );
    }),
  ).timeout(20_000);
});

import { expect } from 'chai';
import { concat, count, EMPTY, from, map, mergeMap, of, range, repeat, take, tap, throwError, timer } from 'rxjs';
import { processBlocks } from '../../lib/operators/processBlocks.js';
import { block, marbles } from '../../lib/testing/index.js';
import type { Block } from '../../lib/values/block.js';

const values: Record<string, Block> = { a: block(1), b: block(2, 3), c: block(4) };
const failure = new TypeError('of the user');

/** Work that takes 3 ms a block. */
const slowly = () => timer(3);
const atOnce = () => EMPTY;

describe('processBlocks', () => {
  it(
    'emits each block when its handler is done, one after another',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  -a-b------c-|    ', values);
      const subs = '         ^-----------!    ';
      const expected = '     ----a--b-----(c|)';

      expectObservable(source.pipe(processBlocks(slowly))).toBe(expected, values);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'never ends when its source never ends',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  -a-', values);
      const subs = '         ^--';
      const expected = '     -a-';

      expectObservable(source.pipe(processBlocks(atOnce))).toBe(expected, values);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'completes at once when its source is empty',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  |   ', values);
      const subs = '         (^!)';
      const expected = '     |   ';

      expectObservable(source.pipe(processBlocks(slowly))).toBe(expected);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'errors when its source errors',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  -a---b-#', values, failure);
      const subs = '         ^------!';
      const expected = '     ----a--#';

      expectObservable(source.pipe(processBlocks(slowly))).toBe(expected, values, failure);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'unsubscribes its source when it is unsubscribed',
    marbles(({ cold, hot, expectObservable, expectSubscriptions }) => {
      const source = hot('  -a--b--c-|', values);
      const work = cold('    ---|     ');
      const subs = '        ^----!    ';
      const works = ['      -^--!     ', '----^!'];
      const expected = '    ----a-    ';
      const unsub = '       -----!    ';

      const result = source.pipe(
        mergeMap((x) => of(x)),
        processBlocks(() => work),
        mergeMap((x) => of(x)),
      );
      expectObservable(result, unsub).toBe(expected, values);
      expectSubscriptions(source.subscriptions).toBe(subs);
      expectSubscriptions(work.subscriptions).toBe(works);
    }),
  );

  it(
    'takes a synchronous source, and stops it when unsubscribed',
    marbles(({ expectObservable, flush }) => {
      const taken: string[] = [];
      const source = from(Object.values(values)).pipe(tap(({ id }) => taken.push(id)));
      const expected = '(ab|)';

      expectObservable(source.pipe(processBlocks(atOnce), take(2))).toBe(expected, values);
      flush();
      expect(taken).to.deep.equal([values.a!.id, values.b!.id]);
    }),
  );

  it(
    'sends to error what its callback throws',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  -a-b-c-|', values);
      const subs = '         ^--!    ';
      const expected = '     -a-#    ';

      const handler = ({ id }: Block) => {
        if (id === values.b!.id) throw failure;
        return EMPTY;
      };
      expectObservable(source.pipe(processBlocks(handler, { maxAttempts: 1 }))).toBe(expected, values, failure);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'serves two subscribers independently',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  -ab-|        ', values);
      const subs1 = '        ^---!        ';
      const expected1 = '    ----a--(b|)  ';
      const subs2 = '        --^---!      ';
      const expected2 = '    ------a--(b|)';

      // Neither waits for the work of the other.
      const result = source.pipe(processBlocks(slowly));
      expectObservable(result).toBe(expected1, values);
      expectObservable(result, '--^').toBe(expected2, values);
      expectSubscriptions(source.subscriptions).toBe([subs1, subs2]);
    }),
  );

  it(
    'starts anew when it is subscribed again',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  -a-b|    ', values);
      const subs = ['        ^---!    ', '----^---!'];
      const expected = '     -a-b-a-b|';

      expectObservable(source.pipe(processBlocks(atOnce), repeat(2))).toBe(expected, values);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'takes 50 000 values synchronously without overflowing the stack',
    marbles(
      ({ expectObservable }) => {
        const expected = '-----(n|)';
        let calls = 0;

        // The first block holds up the others, so that they all wait for their turn, and then come at once.
        const result = range(1, 50_000).pipe(
          map(() => values.a!),
          processBlocks(() => (calls++ === 0 ? timer(5) : EMPTY)),
          count(),
        );
        expectObservable(result).toBe(expected, { n: 50_000 });
      },
      { maxActions: 10_000_000 },
    ),
  ).timeout(60_000);

  for (const [what, first] of [
    ['at once', EMPTY],
    ['at once, but for the first', timer(5)],
  ] as const)
    it(
      `cuts a block of 10 000 records, each of which fails ${what}, without overflowing the stack`,
      marbles(
        ({ expectObservable }) => {
          const whole = block(...[...Array(10_000).keys()].map((i) => i + 1));
          let calls = 0;
          let failed = 0;
          const fail$ = throwError(() => failure);
          // The 15th call has the first record alone.
          const handler = () => (++calls === 15 ? concat(first, fail$) : fail$);
          const result = of(whole).pipe(
            processBlocks(handler, { bisectOnError: true, maxAttempts: 1, onFailure: () => (failed++, EMPTY) }),
            map(() => [failed, calls].join()),
          );
          expectObservable(result).toBe(first === EMPTY ? '(n|)' : '-----(n|)', { n: '10000,19999' });
        },
        { maxActions: 10_000_000 },
      ),
    ).timeout(60_000);
});

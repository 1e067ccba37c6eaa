import { expect } from 'chai';
import { count, map, mergeMap, of, range, repeat, take, tap } from 'rxjs';
import { deaggregate } from '../../lib/operators/deaggregate.js';
import { aggregate, marbles, record } from '../../lib/testing/index.js';
import type { KinesisRecord } from '../../lib/values/record.js';

const bytesOf = (letters: string): Uint8Array => new TextEncoder().encode(letters);
const fields = { approximateArrivalTimestamp: new Date(5) };
const user = (letter: string, subSequenceNumber: number): KinesisRecord =>
  record(7, { ...fields, subSequenceNumber, partitionKey: letter, data: bytesOf(letter) });

/** `A` is an aggregate of a and b; `p` is a plain record. */
const values: Record<string, KinesisRecord> = {
  A: record(7, { ...fields, data: aggregate([...'ab'].map((letter) => ({ partitionKey: letter, data: letter }))) }),
  p: record(9, { data: bytesOf('plain') }),
  a: user('a', 0),
  b: user('b', 1),
};

describe('deaggregate', () => {
  it(
    'emits the user records of aggregates, and other records as they are',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  -A-----p-A----|', values);
      const subs = '         ^-------------!';
      const expected = '     -(ab)--p-(ab)-|';

      expectObservable(source.pipe(deaggregate())).toBe(expected, values);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'never ends when its source never ends',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  -A----', values);
      const subs = '         ^-----';
      const expected = '     -(ab)-';

      expectObservable(source.pipe(deaggregate())).toBe(expected, values);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'completes at once when its source is empty',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  |   ', values);
      const subs = '         (^!)';
      const expected = '     |   ';

      expectObservable(source.pipe(deaggregate())).toBe(expected);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'errors when its source errors',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  -A----#', values);
      const subs = '         ^-----!';
      const expected = '     -(ab)-#';

      expectObservable(source.pipe(deaggregate())).toBe(expected, values);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'unsubscribes its source when it is unsubscribed',
    marbles(({ hot, expectObservable, expectSubscriptions }) => {
      const source = hot('  -A-----p--A-|', values);
      const subs = '        ^-------!    ';
      const expected = '    -(ab)--p-    ';
      const unsub = '       --------!    ';

      const result = source.pipe(
        mergeMap((x) => of(x)),
        deaggregate(),
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
        map(() => values.A!),
      );
      const expected = '(abc|)';

      // In the middle of the second aggregate.
      expectObservable(source.pipe(deaggregate(), take(3))).toBe(expected, { ...values, c: values.a });
      flush();
      expect(taken).to.deep.equal([1, 2]);
    }),
  );

  it(
    'sends to error what its callback throws',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  -p-x-|', { ...values, x: record(7, { data: values.A!.data.slice().fill(0, 5) }) });
      const subs = '         ^--!  ';
      const expected = '     -p-#  ';
      const failure = new Error('of report');
      const report = (): never => {
        throw failure;
      };

      expectObservable(source.pipe(deaggregate({ report }))).toBe(expected, values, failure);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'serves two subscribers independently',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  -A-----|  ', values);
      const subs1 = '        ^------!  ';
      const expected1 = '    -(ab)--|  ';
      const subs2 = '        --^------!';
      const expected2 = '    ---(ab)--|';

      const result = source.pipe(deaggregate());
      expectObservable(result).toBe(expected1, values);
      expectObservable(result, '--^').toBe(expected2, values);
      expectSubscriptions(source.subscriptions).toBe([subs1, subs2]);

      // Also one that comes while the other is handed the first record of an aggregate.
      const atOnce = of(values.A!).pipe(deaggregate());
      expectObservable(
        atOnce.pipe(
          take(1),
          mergeMap(() => atOnce),
        ),
      ).toBe('(ab|)', values);
    }),
  );

  it(
    'starts anew when it is subscribed again',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  -A----|      ', values);
      const subs = ['        ^-----!      ', '------^-----!'];
      const expected = '     -(ab)--(ab)-|';

      expectObservable(source.pipe(deaggregate(), repeat(2))).toBe(expected, values);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'takes 50 000 values synchronously without overflowing the stack',
    marbles(({ expectObservable }) => {
      const source = range(1, 50_000).pipe(map(() => values.A!));
      const expected = '(n|)';

      expectObservable(source.pipe(deaggregate(), count())).toBe(expected, { n: 100_000 });
    }),
  ).timeout(60_000);
});

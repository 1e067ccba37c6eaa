import { expect } from 'chai';
import { count, from, map, mergeMap, of, range, repeat, take, tap } from 'rxjs';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import { block, marbles, record } from '../../lib/testing/index.js';
import type { Block } from '../../lib/values/block.js';
import type { KinesisRecord } from '../../lib/values/record.js';
import { handFedShard, settle } from '../support/hand-fed-shard.js';

const arrays: Record<string, readonly KinesisRecord[]> = { a: [record(1), record(2)], b: [record(3)], _: [] };
const blocks: Record<string, Block> = { a: block(1, 2), b: block(3) };

describe('withSequenceRanges', () => {
  it(
    'makes each array a block, and drops empty ones',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  -a-_-b-__|', arrays);
      const subs = '         ^--------!';
      const expected = '     -a---b---|';

      expectObservable(source.pipe(withSequenceRanges())).toBe(expected, blocks);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'never ends when its source never ends',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  -a-', arrays);
      const subs = '         ^--';
      const expected = '     -a-';

      expectObservable(source.pipe(withSequenceRanges())).toBe(expected, blocks);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'completes at once when its source is empty',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  |   ', arrays);
      const subs = '         (^!)';
      const expected = '     |   ';

      expectObservable(source.pipe(withSequenceRanges())).toBe(expected);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'errors when its source errors',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  -a-#', arrays);
      const subs = '         ^--!';
      const expected = '     -a-#';

      expectObservable(source.pipe(withSequenceRanges())).toBe(expected, blocks);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'unsubscribes its source when it is unsubscribed',
    marbles(({ hot, expectObservable, expectSubscriptions }) => {
      const source = hot('  -a--b--a-|', arrays);
      const subs = '        ^----!    ';
      const expected = '    -a--b-    ';
      const unsub = '       -----!    ';

      const result = source.pipe(
        mergeMap((x) => of(x)),
        withSequenceRanges(),
        mergeMap((x) => of(x)),
      );
      expectObservable(result, unsub).toBe(expected, blocks);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'takes a synchronous source, and stops it when unsubscribed',
    marbles(({ expectObservable, flush }) => {
      const taken: number[] = [];
      const source = range(1, 10).pipe(
        tap((n) => taken.push(n)),
        map((n) => [record(n)]),
      );
      const expected = '(ab|)';

      expectObservable(source.pipe(withSequenceRanges(), take(2))).toBe(expected, { a: block(1), b: block(2) });
      flush();
      expect(taken).to.deep.equal([1, 2]);
    }),
  );

  // Left out: 'sends to error what its callback throws': it has no callback.

  it(
    'serves two subscribers independently',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  -a-b|  ', arrays);
      const subs1 = '        ^---!  ';
      const expected1 = '    -a-b|  ';
      const subs2 = '        --^---!';
      const expected2 = '    ---a-b|';

      const result = source.pipe(withSequenceRanges());
      expectObservable(result).toBe(expected1, blocks);
      expectObservable(result, '--^').toBe(expected2, blocks);
      expectSubscriptions(source.subscriptions).toBe([subs1, subs2]);
    }),
  );

  it(
    'starts anew when it is subscribed again',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  -a-b|    ', arrays);
      const subs = ['        ^---!    ', '----^---!'];
      const expected = '     -a-b-a-b|';

      expectObservable(source.pipe(withSequenceRanges(), repeat(2))).toBe(expected, blocks);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'takes 50 000 values synchronously without overflowing the stack',
    marbles(({ expectObservable, flush }) => {
      const { deliver, account } = handFedShard();
      const records = deliver(...Array.from({ length: 50_000 }, (_, i) => i + 1));
      const source = from(records).pipe(map((it) => [it]));
      const expected = '(n|)';

      expectObservable(source.pipe(withSequenceRanges(), tap(settle), count())).toBe(expected, { n: 50_000 });
      flush();
      expect(account.ledger.watermark?.sequenceNumber).to.equal('50000');
    }),
  ).timeout(60_000);
});

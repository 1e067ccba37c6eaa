import { expect } from 'chai';
import { count, map, mergeMap, NEVER, of, range, retry, take, tap, timer } from 'rxjs';
import { mergeShards, type MergeShardsConfig } from '../../lib/operators/mergeShards.js';
import type { Shard } from '../../lib/shards/shard.js';
import { marbles } from '../../lib/testing/index.js';
import { handMadeShard, recordsOf } from '../support/hand-made-shard.js';

const failure = new TypeError('of the user');
/** One restart, 2 ms after the failure. */
const once: MergeShardsConfig = { restart: { maxRestarts: 1, initialDelayMs: 2 }, random: () => 1 };

describe('mergeShards', () => {
  it(
    'runs a pipeline for each shard and merges what they emit',
    marbles(({ cold, hot, expectObservable, expectSubscriptions }) => {
      const a = cold('       -a--b---|   ');
      const aSubs = '        ^-------!   ';
      const b = cold('          --c--d--|');
      const bSubs = '        ---^-------!';
      const source = hot('   a--b---|    ', { a: handMadeShard(a, 0), b: handMadeShard(b, 1) });
      const expected = '     -a--bc--d--|';

      expectObservable(source.pipe(mergeShards(recordsOf))).toBe(expected);
      expectSubscriptions(a.subscriptions).toBe(aSubs);
      expectSubscriptions(b.subscriptions).toBe(bSubs);
    }),
  );

  it(
    'never ends when its source never ends',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  a--', { a: handMadeShard(of('x')) });
      const subs = '         ^--';
      const expected = '     x--';

      expectObservable(source.pipe(mergeShards(recordsOf))).toBe(expected);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'completes at once when its source is empty',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold<Shard>('  |   ');
      const subs = '                (^!)';
      const expected = '            |   ';

      expectObservable(source.pipe(mergeShards(recordsOf))).toBe(expected);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'errors when its source errors',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const a = cold('       x------');
      const aSubs = '        -^--!  ';
      const source = cold('  -a--#  ', { a: handMadeShard(a) }, failure);
      const subs = '         ^---!  ';
      const expected = '     -x--#  ';

      expectObservable(source.pipe(mergeShards(recordsOf))).toBe(expected, undefined, failure);
      expectSubscriptions(source.subscriptions).toBe(subs);
      expectSubscriptions(a.subscriptions).toBe(aSubs);
    }),
  );

  it(
    'unsubscribes its source when it is unsubscribed',
    marbles(({ cold, hot, expectObservable, expectSubscriptions }) => {
      const a = cold('      -x------');
      const source = hot('  a-------', { a: handMadeShard(a) });
      const subs = '        ^----!  ';
      const expected = '    -x----  ';
      const unsub = '       -----!  ';

      const result = source.pipe(
        mergeMap((shard) => of(shard)),
        mergeShards(recordsOf),
        mergeMap((text) => of(text)),
      );
      expectObservable(result, unsub).toBe(expected);
      expectSubscriptions(source.subscriptions).toBe(subs);
      expectSubscriptions(a.subscriptions).toBe(subs);
    }),
  );

  it(
    'takes a synchronous source, and stops it when unsubscribed',
    marbles(({ expectObservable, flush }) => {
      const taken: number[] = [];
      const source = range(1, 10).pipe(
        tap((n) => taken.push(n)),
        map((n) => handMadeShard(of('x'), n)),
      );
      const expected = '(xx|)';

      expectObservable(source.pipe(mergeShards(recordsOf), take(2))).toBe(expected);
      flush();
      expect(taken).to.deep.equal([1, 2]);
    }),
  );

  it(
    'sends to error what its callback throws',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  -a---', { a: handMadeShard(NEVER) });
      const subs = '         ^--! ';
      const expected = '     ---# ';
      const project = (): never => {
        throw failure;
      };

      // Like an error of the pipeline: when the restarts are used up.
      expectObservable(source.pipe(mergeShards(project, once))).toBe(expected, undefined, failure);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'serves two subscribers independently',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const a = cold('       -x#      ');
      const source = cold('  a|       ', { a: handMadeShard(a) });
      const subs1 = '        ^!       ';
      const expected1 = '    -x---x#  ';
      const subs2 = '        --^!     ';
      const expected2 = '    ---x---x#';

      // Each has its own restart.
      const result = source.pipe(mergeShards(recordsOf, once));
      expectObservable(result).toBe(expected1);
      expectObservable(result, '--^').toBe(expected2);
      expectSubscriptions(source.subscriptions).toBe([subs1, subs2]);
    }),
  );

  it(
    'starts anew when it is subscribed again',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const a = cold('       -x#          ');
      const source = cold('  a|           ', { a: handMadeShard(a) });
      const subs = ['        ^!           ', '------^!'];
      const expected = '     -x---x-x---x#';

      // One restart in each of the two subscriptions.
      expectObservable(source.pipe(mergeShards(recordsOf, once), retry(1))).toBe(expected);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'takes 50 000 values synchronously without overflowing the stack',
    marbles(
      ({ expectObservable }) => {
        const first = handMadeShard(timer(1).pipe(map(() => 'x')));
        const source = range(1, 50_000).pipe(map((n) => (n === 1 ? first : handMadeShard(of('x'), n))));
        const expected = '-(n|)';

        // The first holds up the others, so that they all wait for their turn, and then complete at once.
        expectObservable(source.pipe(mergeShards(recordsOf, { concurrency: 1 }), count())).toBe(expected, { n: 50_000 });
      },
      { maxActions: 10_000_000 },
    ),
  ).timeout(60_000);
});

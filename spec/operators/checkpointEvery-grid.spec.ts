import { expect } from 'chai';
import { catchError, count, from, map, mergeMap, of, range, repeat, take, tap, throwError } from 'rxjs';
import { memoryCheckpoints } from '../../lib/checkpoints/memoryCheckpoints.js';
import { rawErrorOf } from '../../lib/internal/aws-fault.js';
import { checkpointEvery } from '../../lib/operators/checkpointEvery.js';
import { block, marbles } from '../../lib/testing/index.js';
import type { Block } from '../../lib/values/block.js';
import { handFedShard } from '../support/hand-fed-shard.js';
import { recordingStore } from '../support/recording-store.js';

const values: Record<string, Block> = { a: block(1), b: block(2, 3), c: block(4), d: block(5) };
const failure = new TypeError('of the user');

describe('checkpointEvery', () => {
  it(
    'passes blocks on at once and unchanged, writes at the ticks, and once more before it completes',
    marbles(({ cold, expectObservable, expectSubscriptions, flush }) => {
      const source = cold('  -a-b------c-d---|', values);
      const subs = '         ^---------------!';
      const expected = '     -a-b------c-d---|';
      const store = recordingStore();

      expectObservable(source.pipe(checkpointEvery(5, { store }))).toBe(expected, values);
      expectSubscriptions(source.subscriptions).toBe(subs);
      flush();
      expect(store.kept).to.deep.equal(['5 3', '15 5']);
    }),
  );

  it(
    'never ends when its source never ends',
    marbles(({ cold, expectObservable, expectSubscriptions, flush }) => {
      const source = cold('  -a-', values);
      const subs = '         ^--';
      const expected = '     -a-';
      const store = recordingStore();

      expectObservable(source.pipe(checkpointEvery(5, { store }))).toBe(expected, values);
      expectSubscriptions(source.subscriptions).toBe(subs);
      flush();
      expect(store.kept).to.deep.equal(['5 1']);
    }),
  );

  it(
    'completes at once when its source is empty',
    marbles(({ cold, expectObservable, expectSubscriptions, flush }) => {
      const source = cold('  |   ', values);
      const subs = '         (^!)';
      const expected = '     |   ';
      const store = recordingStore();

      expectObservable(source.pipe(checkpointEvery(5, { store }))).toBe(expected);
      expectSubscriptions(source.subscriptions).toBe(subs);
      flush();
      expect(store.asked).to.deep.equal([]);
    }),
  );

  it(
    'errors when its source errors',
    marbles(({ cold, expectObservable, expectSubscriptions, flush }) => {
      const source = cold('  -a-#', values, failure);
      const subs = '         ^--!';
      const expected = '     -a-#';
      const store = recordingStore();

      expectObservable(source.pipe(checkpointEvery(5, { store }))).toBe(expected, values, failure);
      expectSubscriptions(source.subscriptions).toBe(subs);
      flush();
      expect(store.kept).to.deep.equal(['3 1']);
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
        checkpointEvery(5, { store: memoryCheckpoints() }),
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
      const store = recordingStore();

      expectObservable(source.pipe(checkpointEvery(5, { store }), take(2))).toBe(expected, { a: block(1), b: block(2) });
      flush();
      expect(taken).to.deep.equal([1, 2]);
      expect(store.kept).to.deep.equal(['0 2']);
    }),
  );

  it(
    'sends to error what its callback throws',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  -a-|', values);
      const subs = '         ^--!';
      const expected = '     -a-#';
      const write = (): never => {
        throw failure;
      };

      // The store is its only callback; what a last write throws stands in a CheckpointError.
      const result = source.pipe(
        checkpointEvery(5, { store: { ...memoryCheckpoints(), write }, maxRetries: 0 }),
        catchError((error: unknown) => throwError(() => rawErrorOf(error))),
      );
      expectObservable(result).toBe(expected, values, failure);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'serves two subscribers independently',
    marbles(({ cold, expectObservable, expectSubscriptions, flush }) => {
      const source = cold('  -a--b|  ', values);
      const subs1 = '        ^----!  ';
      const expected1 = '    -a--b|  ';
      const subs2 = '        --^----!';
      const expected2 = '    ---a--b|';
      const store = recordingStore();

      const result = source.pipe(checkpointEvery(3, { store }));
      expectObservable(result).toBe(expected1, values);
      expectObservable(result, '--^').toBe(expected2, values);
      expectSubscriptions(source.subscriptions).toBe([subs1, subs2]);
      flush();
      expect(store.asked).to.deep.equal(['3 1', '5 3', '5 1', '7 3']);
    }),
  );

  it(
    'starts anew when it is subscribed again',
    marbles(({ cold, expectObservable, expectSubscriptions, flush }) => {
      const source = cold('  -a--b|     ', values);
      const subs = ['        ^----!     ', '-----^----!'];
      const expected = '     -a--b-a--b|';
      const store = recordingStore();

      expectObservable(source.pipe(checkpointEvery(3, { store }), repeat(2))).toBe(expected, values);
      expectSubscriptions(source.subscriptions).toBe(subs);
      flush();
      expect(store.asked).to.deep.equal(['3 1', '5 3', '8 1', '10 3']);
    }),
  );

  it(
    'takes 50 000 values synchronously without overflowing the stack',
    marbles(({ expectObservable, flush }) => {
      const store = recordingStore();
      const shard = handFedShard({ store });
      const source = from(Array.from({ length: 50_000 }, (_, i) => shard.block(i + 1)));
      const expected = '(n|)';

      expectObservable(source.pipe(checkpointEvery(5), count())).toBe(expected, { n: 50_000 });
      flush();
      expect(store.kept).to.deep.equal(['0 50000']);
    }),
  ).timeout(60_000);
});

import { expect } from 'chai';
import { BehaviorSubject, defer, map, mergeMap, throwError, timer, VirtualTimeScheduler } from 'rxjs';
import { memoryCheckpoints } from '../../lib/checkpoints/memoryCheckpoints.js';
import { recoverFrom, type RecoverFromConfig } from '../../lib/operators/recoverFrom.js';
import { block, marbles, record } from '../../lib/testing/index.js';
import type { Block } from '../../lib/values/block.js';
import { InvalidValueError, isInvalidConfig } from '../../lib/values/errors.js';

const store = memoryCheckpoints();
const values: Record<string, Block> = { a: block(1), b: block(2), c: block(3) };
const user = new TypeError('of the user');

describe('recoverFrom', () => {
  it(
    'subscribes the source again after an error of the user, and hands on the one after maxRecoveries',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  -a-#      ', values, user);
      const subs = ['        ^--!      ', '   ---^--!   ', '   ------^--!'];
      const expected = '     -a--a--a-#';

      expectObservable(source.pipe(recoverFrom(store, { maxRecoveries: 2, initialDelayMs: 0 }))).toBe(expected, values, user);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'lets an error of this package that is not retriable go on at once',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const error = new InvalidValueError('malformed');
      const source = cold('  -a-#', values, error);
      const subs = '         ^--!';
      const expected = '     -a-#';

      expectObservable(source.pipe(recoverFrom(store))).toBe(expected, values, error);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'counts the recoveries of the last resetAfterMs only',
    marbles(({ cold, expectObservable }) => {
      const source = cold('  5ms a 4ms #', values, user);
      // At 30 ms the failures at 10 and 20 ms count in a window of 21 ms, in one of 20 ms that at 20 ms only.
      const strict = '       5ms a 9ms a 9ms a 4ms #';
      const loose = '        5ms a 9ms a 9ms a 9ms a 9ms a -';

      expectObservable(source.pipe(recoverFrom(store, { maxRecoveries: 2, initialDelayMs: 0, resetAfterMs: 21 }))).toBe(
        strict,
        values,
        user,
      );
      expectObservable(source.pipe(recoverFrom(store, { maxRecoveries: 2, initialDelayMs: 0, resetAfterMs: 20 })), '^ 48ms !').toBe(
        loose,
        values,
      );
    }),
  );

  it(
    'leaves nothing behind when it is unsubscribed between the error and the next subscription',
    marbles(({ scheduler }) => {
      let attempts = 0;
      const failing = defer(() => throwError(() => (attempts++, user)));
      failing
        .pipe(recoverFrom(store))
        .subscribe({ error: () => undefined })
        .unsubscribe();

      expect(attempts).to.equal(1);
      expect(scheduler.actions.filter(({ closed }) => !closed)).to.deep.equal([]);
    }),
  );

  it('takes values that come while one is being handed on', () => {
    const source = new BehaviorSubject(1);
    const seen: number[] = [];
    const numbers = source.pipe(
      map((n) => record(n)),
      recoverFrom(store),
    );
    numbers.subscribe(({ sequenceNumber }) => {
      seen.push(Number(sequenceNumber));
      if (source.value < 4) source.next(source.value + 1);
    });
    expect(seen).to.deep.equal([1, 2, 3, 4]);
  });

  it('takes its time from the scheduler alone', () => {
    const scheduler = new VirtualTimeScheduler();
    const failing = defer(() => timer(100, scheduler).pipe(mergeMap(() => throwError(() => user))));
    const seen: unknown[] = [];
    const observer = { error: (error: unknown) => seen.push(scheduler.now(), error) };
    failing.pipe(recoverFrom(store, { maxRecoveries: 1, resetAfterMs: 101, scheduler })).subscribe(observer);
    const endless = failing.pipe(recoverFrom(store, { maxRecoveries: 1, resetAfterMs: 100, scheduler })).subscribe(observer);
    scheduler.schedule(() => endless.unsubscribe(), 1_000);
    scheduler.maxFrames = 2_000;
    scheduler.flush();

    expect(seen).to.deep.equal([200, user]);
    expect(scheduler.frame).to.equal(1_000);
  });

  describe('with a config that cannot work', () => {
    const cases: Record<string, readonly [RecoverFromConfig, RegExp]> = {
      'a negative number of recoveries': [{ maxRecoveries: -1 }, /maxRecoveries: expected a whole number from 0 up, got -1/],
      'a broken number of recoveries': [{ maxRecoveries: 1.5 }, /maxRecoveries: .* got 1.5/],
      'no window': [{ resetAfterMs: 0 }, /resetAfterMs: expected a finite number from 1 up, got 0/],
      'a window without end': [{ resetAfterMs: Infinity }, /resetAfterMs: .* got Infinity/],
      'a timeout of nothing': [{ retryTimeoutMs: 0 }, /retryTimeoutMs: .* got 0/],
      'text for a number': [{ retryTimeoutMs: '5' as never }, /retryTimeoutMs: .* got "5"/],
    };
    for (const [what, [config, words]] of Object.entries(cases)) {
      it(`refuses when called: ${what}`, () => {
        expect(() => recoverFrom(store, config))
          .to.throw(words)
          .that.satisfies(isInvalidConfig);
      });
    }

    it('refuses when called: what is no store', () => {
      expect(() => recoverFrom({} as never))
        .to.throw(/store: expected a CheckpointStore/)
        .that.satisfies(isInvalidConfig);
    });
  });
});

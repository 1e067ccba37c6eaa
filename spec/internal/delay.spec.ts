import { expect } from 'chai';
import fc from 'fast-check';
import { delayOf, fullJitter } from '../../lib/internal/delay.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';

describe('delayOf', () => {
  it(
    'emits once, after the delay, by the scheduler',
    marbles(({ expectObservable, scheduler }) => {
      expectObservable(delayOf(5, scheduler)).toBe('5ms (a|)', { a: 0 });
    }),
  );

  it(
    'emits in a frame of its own for a delay of nothing, or less',
    marbles(({ expectObservable, scheduler }) => {
      expectObservable(delayOf(0, scheduler)).toBe('(a|)', { a: 0 });
      expectObservable(delayOf(-7, scheduler)).toBe('(a|)', { a: 0 });
    }),
  );

  it(
    'never emits for Infinity',
    marbles(({ expectObservable, scheduler }) => {
      expectObservable(delayOf(Infinity, scheduler), '^ 10m !').toBe('');
      expectObservable(delayOf(1, scheduler)).toBe('-(a|)', { a: 0 });
    }),
  );

  it(
    'cuts what a timer cannot hold to what it can',
    marbles(
      ({ expectObservable, scheduler }) => {
        expectObservable(delayOf(2 ** 31, scheduler)).toBe(`${2 ** 31 - 1}ms (a|)`, { a: 0 });
        expectObservable(delayOf(Number.MAX_VALUE, scheduler)).toBe(`${2 ** 31 - 1}ms (a|)`, { a: 0 });
      },
      { maxFrames: 2 ** 31 },
    ),
  );

  it(
    'leaves no timer behind when unsubscribed',
    marbles(({ expectObservable, scheduler, flush }) => {
      expectObservable(delayOf(1_000, scheduler), '---!').toBe('');
      flush();
      expect(scheduler.now()).to.be.lessThan(1_000);
    }),
  );
});

describe('fullJitter', () => {
  it('is a whole number from 0 to below a bound that doubles up to the maximum', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (attempt, dice) => {
        const bound = Math.min(10_000, 100 * 2 ** Math.min(attempt - 1, 30));
        const delay = fullJitter(attempt, 100, 10_000, () => dice);
        expect(Number.isInteger(delay)).to.equal(true);
        expect(delay).to.equal(Math.floor(dice * bound));
      }),
    );
  });

  it('doubles', () => {
    expect([1, 2, 3, 4, 8, 1_000_000].map((attempt) => fullJitter(attempt, 100, 10_000, () => 0.5))).to.deep.equal([
      50, 100, 200, 400, 5_000, 5_000,
    ]);
  });

  it('is nothing where nothing is the bound', () => {
    expect(fullJitter(7, 0, 10_000, () => 0.9)).to.equal(0);
    expect(fullJitter(7, 100, 0, () => 0.9)).to.equal(0);
  });
});

import { expect } from 'chai';
import { asyncScheduler, interval, map, repeat, timer, type Observable } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { marbles, type MarbleHelpers } from '../../../lib/testing/marbles/marbles.js';
import { isInvalidConfig } from '../../../lib/values/errors.js';
import { thrownBy } from '../../support/thrown-by.js';
import { failureOf } from './failure-of.js';

describe('a marble test that RxJS alone would let pass or hang', () => {
  it('refuses an asynchronous callback', () => {
    const late = async ({ cold, expectObservable }: MarbleHelpers): Promise<void> => {
      await Promise.resolve();
      expectObservable(cold('-a|')).toBe('-b|');
    };
    const { message } = failureOf((helpers) => late(helpers) as never);

    expect(message).to.match(/^marbles: the callback is asynchronous/);
  });

  it('refuses any other thenable, before time moves', () => {
    let moved = false;
    const { message } = failureOf(({ scheduler }) => {
      scheduler.schedule(() => (moved = true), 1);
      return { then: () => undefined } as never;
    });

    expect(message).to.match(/^marbles: the callback is asynchronous/);
    expect(moved).to.equal(false);
  });

  it('refuses an expectObservable that expects nothing', () => {
    const { message, stack } = failureOf(({ cold, expectObservable }) => {
      expectObservable(cold('-a|')).toBe('-a|');
      expectObservable(cold('-a|'));
    });

    expect(message).to.equal('marbles: expectObservable 2 has no toBe or toEqual, so it would expect nothing');
    expect(stack?.split('\n')[1]).to.contain('marble-traps.spec.ts');
  });

  it('says so before time moves', () => {
    const { message } = failureOf(({ expectObservable }) => {
      expectObservable(interval(1));
    });

    expect(message).to.match(/has no toBe/);
  });

  it('refuses an expectSubscriptions that expects nothing', () => {
    const { message } = failureOf(({ cold, expectSubscriptions }) => {
      expectSubscriptions(cold('-a|').subscriptions);
    });

    expect(message).to.equal('marbles: expectSubscriptions 1 has no toBe, so it would expect nothing');
  });

  it('refuses an expectation without an end that comes in the course of the test', () => {
    const { message } = failureOf(({ cold, scheduler, expectObservable }) => {
      scheduler.schedule(() => expectObservable(cold('-a|')), 5);
    });

    expect(message).to.match(/expectObservable 1 has no toBe/);
  });

  it('fails where an interval has no end', () => {
    const { message } = failureOf(({ expectObservable }) => expectObservable(interval(30_000)).toBe('-'));

    expect(message).to.match(/^marbles: virtual time has passed 1000000 ms and work is still scheduled/);
  });

  it('fails beyond the given virtual time, and not before', () => {
    const at = (ms: number) => (helpers: MarbleHelpers) => helpers.expectObservable(timer(ms).pipe(map(String))).toBe(`${ms}ms (0|)`);

    marbles(at(50), { maxFrames: 50 })();
    expect(failureOf(at(51), { maxFrames: 50 }).message).to.match(/has passed 50 ms/);
    marbles(at(5_000_000), { maxFrames: 5_000_000 })();
  });

  for (const [what, endless] of Object.entries<(helpers: MarbleHelpers) => Observable<unknown>>({
    'a timer that repeats': () => timer(0).pipe(repeat()),
    'an interval': () => interval(0),
    'an interval on the scheduler itself': ({ scheduler }) => interval(0, scheduler),
  })) {
    it(`fails where time stands still in ${what}`, () => {
      const { message } = failureOf((helpers) => helpers.expectObservable(endless(helpers)).toBe('-'), { maxActions: 1_000 });

      expect(message).to.match(/^marbles: 1000 actions up to 0 ms and work is still scheduled/);
    });
  }

  it('refuses a limit that is none, and an option that is none', () => {
    for (const config of [{ maxFrames: NaN }, { maxActions: 0 }, { maxFrame: 50 }, 5, null])
      expect(thrownBy(() => marbles(() => undefined, config as object))).to.satisfy(isInvalidConfig);
    expect(thrownBy(() => marbles(undefined as never))).to.satisfy(isInvalidConfig);
  });

  it('refuses to run inside another', () => {
    const { message } = failureOf(() => marbles(() => undefined)());

    expect(message).to.match(/^marbles: already inside TestScheduler.run/);
  });

  it('refuses to run inside a plain TestScheduler.run', () => {
    const scheduler = new TestScheduler(() => undefined);

    expect(() => scheduler.run(() => marbles(() => undefined)())).to.throw(/already inside TestScheduler.run/);
  });

  it('leaves real time in order after a failure', () => {
    failureOf(({ expectObservable }) => expectObservable(interval(1)).toBe('-'), { maxFrames: 10 });

    expect(asyncScheduler.now()).to.be.greaterThan(1_000_000_000_000);
    marbles(({ cold, expectObservable }) => expectObservable(cold('-a|')).toBe('-a|'))();
  });
});

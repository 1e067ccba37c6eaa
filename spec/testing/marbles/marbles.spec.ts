import { expect } from 'chai';
import { asyncScheduler, delay, interval, map, type Observable } from 'rxjs';
import type { TestScheduler } from 'rxjs/testing';
import { marbles } from '../../../lib/testing/marbles/marbles.js';

describe('a marble test that holds', () => {
  it(
    'compares values, time and subscriptions',
    marbles(({ cold, hot, time, expectObservable, expectSubscriptions }) => {
      const source = cold(' -a--b|    ');
      const subs = '        ^----!    ';
      const expected = '    ---a--(b|)';
      const pause = time('  --|       ');

      expectObservable(source.pipe(delay(pause))).toBe(expected);
      expectSubscriptions(source.subscriptions).toBe(subs);
      expectObservable(hot('-a-^b--c|'), '---!').toBe('-b--');
    }),
  );

  it(
    'compares values and errors by structure',
    marbles(({ cold, expectObservable }) => {
      const error = Object.assign(new TypeError('no'), { code: 'NO' });
      const source = cold<object>('a-#', { a: { list: [1, new Map([['a', 1]])] } }, error);

      expectObservable(source).toBe('a-#', { a: { list: [1, new Map([['a', 1]])] } }, Object.assign(new TypeError('no'), { code: 'NO' }));
    }),
  );

  it(
    'compares an Observable with another, and Observables of Observables',
    marbles(({ cold, expectObservable }) => {
      const inner = cold<string>('-a|');
      expectObservable(cold<string>('-a|')).toEqual(cold('-b|').pipe(map(() => 'a')));
      expectObservable(cold<Observable<string>>('--x|', { x: inner })).toBe('--x|', { x: cold('-a|') });
    }),
  );

  it(
    'hands out the scheduler, and the virtual clock is that of asyncScheduler',
    marbles(({ scheduler, flush }) => {
      const times: number[][] = [];
      scheduler.schedule(() => times.push([scheduler.now(), asyncScheduler.now()]), 70);
      flush();

      expect(times).to.deep.equal([[70, 70]]);
    }),
  );

  it(
    'lets a spec of some minutes with long intervals pass',
    marbles(({ expectObservable }) => {
      expectObservable(interval(30_000).pipe(map(String)), '^ 70s !').toBe('30s 0 29999ms 1', { 0: '0', 1: '1' });
    }),
  );

  it('takes a new scheduler each time it runs', () => {
    const seen = new Set<TestScheduler>();
    const test = marbles(({ scheduler, cold, expectObservable }) => {
      seen.add(scheduler);
      expectObservable(cold('-a|')).toBe('-a|');
    });
    test();
    test();

    expect(seen.size).to.equal(2);
  });

  it('has no parameter, which Mocha would take for a callback', () => {
    expect(marbles(() => undefined)).to.have.length(0);
  });
});

import { expect } from 'chai';
import { map, NEVER, type Observable } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { useFakeTimers, type SinonFakeTimers } from 'sinon';
import { bufferFor } from '../support/buffer-for.js';
import { fencesOf, read } from './fences.js';

describe('the buffer of docs/guide/performance.md that is silent while nothing comes', () => {
  const run = (check: Parameters<TestScheduler['run']>[0]) =>
    new TestScheduler((actual, expected) => void expect(actual).to.deep.equal(expected)).run(check);
  const buffered = (values: Observable<string>) =>
    values.pipe(
      bufferFor(3),
      map((array) => array.join('')),
    );

  it('is the one that is tested here and measured in the benchmark', () => {
    const operator = 'connect((values) => values.pipe(buffer(values.pipe(auditTime(ms)))))';
    expect(fencesOf('docs/guide/performance.md').some(({ text }) => text.includes(operator))).to.equal(true);
    expect(read('spec/support/buffer-for.ts')).to.include(operator);
  });

  it('emits what comes within the time from the first value on, and nothing while nothing comes', () =>
    run(({ cold, expectObservable }) =>
      expectObservable(buffered(cold('-ab---c--d-')), '^----------!').toBe('----x----y-', { x: 'ab', y: 'cd' }),
    ));

  it('begins the next array with the first value after the time, and ends the last one at completion, even empty', () =>
    run(({ cold, expectObservable }) => expectObservable(buffered(cold('a---b----|'))).toBe('---x---y-(z|)', { x: 'a', y: 'b', z: '' })));

  it('emits the rest when the source completes', () =>
    run(({ cold, expectObservable }) => expectObservable(buffered(cold('-a|'))).toBe('--(x|)', { x: 'a' })));

  it('drops the rest at an error, as bufferTime does', () =>
    run(({ cold, expectObservable }) => expectObservable(buffered(cold('-a#'))).toBe('--#')));

  describe('with timers that are counted', () => {
    let clock: SinonFakeTimers;

    beforeEach(() => void (clock = useFakeTimers()));
    afterEach(() => clock.restore());

    it('has none while nothing comes', () => {
      const subscription = NEVER.pipe(bufferFor(200)).subscribe();
      expect(clock.countTimers()).to.equal(0);
      subscription.unsubscribe();
    });
  });
});

import { expect } from 'chai';
import { concatMap, delay, map, NEVER, of, Subject, toArray } from 'rxjs';
import { useFakeTimers, type SinonFakeTimers } from 'sinon';
import { memoryCheckpoints } from '../../lib/checkpoints/memoryCheckpoints.js';
import { blockWithin } from '../../lib/operators/blockWithin.js';
import { checkpointEvery } from '../../lib/operators/checkpointEvery.js';
import { recoverFrom } from '../../lib/operators/recoverFrom.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import { marbles } from '../../lib/testing/index.js';
import { isInvalidConfig } from '../../lib/values/errors.js';
import { inLetters, instantKinesis, PASSING, quickShard } from '../support/quick-shard.js';
import { thrownBy } from '../support/thrown-by.js';

const joined = map((array: readonly string[]) => array.join(''));

describe('blockWithin', () => {
  it(
    'begins an array with the first value after the last one has ended, and emits nothing while nothing comes',
    marbles(({ cold, expectObservable }) => {
      const source = cold('  -a---b-c-----------d-e-|');
      const expected = '     ----x---y-------------z|';
      expectObservable(source.pipe(blockWithin(3), joined)).toBe(expected, { x: 'a', y: 'bc', z: 'de' });
    }),
  );

  it(
    'ends an array at once that has as many values as it may have, and gives the next one all of its time',
    marbles(({ cold, expectObservable }) => {
      const source = cold('  -abc-----(efg)-----|');
      const expected = '     --x----y-z---w-----|';
      const values = { x: 'ab', y: 'c', z: 'ef', w: 'g' };
      expectObservable(source.pipe(blockWithin(4, { maxRecords: 2 }), joined)).toBe(expected, values);
    }),
  );

  it(
    'makes arrays of one, without a timer, where one value is the most',
    marbles(({ cold, expectObservable }) => {
      const clock: unknown[] = [];
      const scheduler = { now: () => 0, schedule: (work: unknown) => (clock.push(work), new Subject<never>().subscribe()) };
      const source = cold('  -a(bc)-|');
      const expected = '     -x(yz)-|';
      const arrays$ = source.pipe(blockWithin(4, { maxRecords: 1, scheduler: scheduler }), joined);
      expectObservable(arrays$).toBe(expected, { x: 'a', y: 'b', z: 'c' });
      expect(clock).to.deep.equal([]);
    }),
  );

  it('takes into the next array what its own output brings', () => {
    const source = new Subject<string>();
    const emitted: string[] = [];
    const subscription = source.pipe(blockWithin(3, { maxRecords: 2 }), joined).subscribe((array) => {
      emitted.push(array);
      if (emitted.length < 3) ['c', 'd'].forEach((value) => source.next(value));
    });
    ['a', 'b'].forEach((value) => source.next(value));
    expect(emitted).to.deep.equal(['ab', 'cd', 'cd']);
    subscription.unsubscribe();
  });

  it(
    'makes blocks behind a shard, without loss or repetition when a read fails',
    marbles(({ expectObservable }) => {
      const store = memoryCheckpoints();
      const kinesis = instantKinesis({
        shards: { 0: '(ab)-c--(de)|' },
        faults: [{ method: 'getRecords', error: PASSING, fromMs: 2, times: 1 }],
      });
      const work$ = quickShard(kinesis, { store }).pipe(
        blockWithin(2),
        withSequenceRanges(),
        recoverFrom(store, { random: () => 0 }),
        concatMap((block) => of(block).pipe(delay(1))),
        checkpointEvery(5),
        map(inLetters),
      );
      const all$ = work$.pipe(
        toArray(),
        map((texts) => texts.join('')),
      );
      expectObservable(all$).toBe('12ms (n|)', { n: 'abcde' });
    }),
  );

  describe('with timers that are counted', () => {
    let clock: SinonFakeTimers;

    beforeEach(() => void (clock = useFakeTimers()));
    afterEach(() => clock.restore());

    it('has none while nothing comes, and one while an array is under way', () => {
      const source = new Subject<number>();
      const emitted: number[][] = [];
      const subscription = source.pipe(blockWithin(200)).subscribe((array) => emitted.push(array));
      expect(clock.countTimers()).to.equal(0);
      source.next(1);
      source.next(2);
      expect(clock.countTimers()).to.equal(1);
      clock.tick(199);
      expect(emitted).to.deep.equal([]);
      clock.tick(1);
      expect(emitted).to.deep.equal([[1, 2]]);
      expect(clock.countTimers()).to.equal(0);
      source.next(3);
      subscription.unsubscribe();
      expect(clock.countTimers()).to.equal(0);
    });

    it('has none left when an array is full, or its source has ended', () => {
      const full = new Subject<number>();
      full.pipe(blockWithin(200, { maxRecords: 2 })).subscribe();
      [1, 2].forEach((value) => full.next(value));
      expect(clock.countTimers()).to.equal(0);
      for (const end of ['complete', 'error'] as const) {
        const source = new Subject<number>();
        source.pipe(blockWithin(200)).subscribe({ error: () => undefined });
        source.next(1);
        source[end](undefined);
        expect(clock.countTimers()).to.equal(0);
      }
    });
  });

  it('refuses numbers that are out of range, what is no scheduler, and an unknown option', () => {
    for (const ms of [0, -1, 1.5, NaN, 2 ** 31, Infinity, '200', undefined])
      expect(isInvalidConfig(thrownBy(() => NEVER.pipe(blockWithin(ms as never))))).to.equal(true);
    for (const maxRecords of [0, 1.5, NaN, '3'])
      expect(isInvalidConfig(thrownBy(() => blockWithin(1, { maxRecords: maxRecords as never })))).to.equal(true);
    expect(isInvalidConfig(thrownBy(() => blockWithin(1, { scheduler: {} as never })))).to.equal(true);
    expect(isInvalidConfig(thrownBy(() => blockWithin(1, { maxWait: 1 } as never)))).to.equal(true);
  });
});

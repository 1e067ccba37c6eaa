import { expect } from 'chai';
import { concat, concatMap, ignoreElements, map, merge, of, range, takeUntil, tap, timer, type Observable, type SchedulerLike } from 'rxjs';
import { beginsNow, readBudget, type ReadBudget } from '../../lib/kinesis/read-budget.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import { isInvalidConfig } from '../../lib/values/errors.js';
import { thrownBy } from '../support/thrown-by.js';

const MIB = 1024 * 1024;

/** Begins so many reads in a row, each answered after 10 ms with so many bytes; emits when one begins. */
function reads(budget: ReadBudget, scheduler: SchedulerLike, count: number, bytes = 0, shard = 'shard'): Observable<unknown> {
  const read = (): Observable<unknown> => {
    const answer$ = timer(10, scheduler).pipe(
      tap(() => budget.spend(shard, bytes, scheduler)),
      ignoreElements(),
    );
    return budget.acquire(shard, scheduler).pipe(concatMap(() => concat(of(0), answer$)));
  };
  return range(count).pipe(concatMap(read));
}

/** When each of some readers may read, in order. */
function timesOf(scheduler: SchedulerLike, readers: Readonly<Record<string, Observable<unknown>>>): string[] {
  const times: string[] = [];
  for (const [name, reads] of Object.entries(readers)) reads.subscribe(() => times.push(`${name} ${scheduler.now()}`));
  return times;
}

describe('readBudget', () => {
  it(
    'gives five reads a second, the first at once',
    marbles(({ scheduler, flush }) => {
      const times = timesOf(scheduler, { a: reads(readBudget(), scheduler, 4) });
      flush();
      expect(times).to.deep.equal(['a 0', 'a 200', 'a 400', 'a 600']);
    }),
  );

  it(
    'does not save up what was not used',
    marbles(({ scheduler, flush }) => {
      const budget = readBudget();
      const late = timer(1_050, scheduler).pipe(concatMap(() => reads(budget, scheduler, 3)));
      const times = timesOf(scheduler, { a: reads(budget, scheduler, 1), b: late });
      flush();
      expect(times).to.deep.equal(['a 0', 'b 1050', 'b 1250', 'b 1450']);
    }),
  );

  it(
    'lets a read wait until the bytes of those before are within the bytes a second',
    marbles(({ scheduler, flush }) => {
      const times = timesOf(scheduler, { a: reads(readBudget(), scheduler, 3, 10 * MIB) });
      flush();
      expect(times).to.deep.equal(['a 0', 'a 5010', 'a 10020']);
    }),
  );

  it(
    'counts what was paid for in the meantime',
    marbles(({ scheduler, flush }) => {
      const budget = readBudget();
      const later = timer(4_900, scheduler).pipe(concatMap(() => reads(budget, scheduler, 2)));
      const times = timesOf(scheduler, { a: reads(budget, scheduler, 1, 10 * MIB), b: later });
      flush();
      expect(times).to.deep.equal(['a 0', 'b 5010', 'b 5210']);
    }),
  );

  it(
    'lets two readers of a shard read in turn',
    marbles(({ scheduler, flush }) => {
      const budget = readBudget();
      const times = timesOf(scheduler, { a: reads(budget, scheduler, 3), b: reads(budget, scheduler, 3) });
      flush();
      expect(times).to.deep.equal(['a 0', 'b 200', 'a 400', 'b 600', 'a 800', 'b 1000']);
    }),
  );

  it(
    'lets them read in turn, and not at once, when bytes are to be paid for',
    marbles(({ scheduler, flush }) => {
      const budget = readBudget();
      const readers = { a: reads(budget, scheduler, 3, 2 * MIB), b: reads(budget, scheduler, 3, 4 * MIB), c: reads(budget, scheduler, 3) };
      const times = timesOf(scheduler, readers);
      flush();
      expect(times).to.deep.equal(['a 0', 'b 1010', 'c 3020', 'a 3220', 'b 4230', 'c 6240', 'a 6440', 'b 7450', 'c 9460']);
    }),
  );

  it(
    'lets shards alone',
    marbles(({ scheduler, flush }) => {
      const budget = readBudget();
      const times = timesOf(scheduler, { a: reads(budget, scheduler, 2, MIB, 'a'), b: reads(budget, scheduler, 2, 0, 'b') });
      flush();
      expect(times).to.deep.equal(['a 0', 'b 0', 'b 200', 'a 510']);
    }),
  );

  it(
    'can be lifted',
    marbles(({ scheduler, flush }) => {
      const budget = readBudget({ readsPerSecond: Infinity, bytesPerSecond: Infinity });
      let count = 0;
      const turn = (): Observable<unknown> => budget.acquire('shard', scheduler).pipe(tap(() => budget.spend('shard', MIB, scheduler)));
      range(50_000)
        .pipe(concatMap(turn))
        .subscribe(() => count++);
      flush();
      expect([count, scheduler.now()]).to.deep.equal([50_000, 0]);
    }),
  );

  it(
    'can be made narrower, also below what a minute allows',
    marbles(({ scheduler, flush }) => {
      const slow = readBudget({ readsPerSecond: 0.01 });
      const thin = readBudget({ bytesPerSecond: 1_000 });
      const times = timesOf(scheduler, { a: reads(slow, scheduler, 3), b: reads(thin, scheduler, 2, 200_000) });
      flush();
      expect(times).to.deep.equal(['a 0', 'b 0', 'a 100000', 'a 200000', 'b 200010']);
    }),
  );

  /** A scheduler whose clock is set by so many ms at 20 ms. */
  function clockSetBy(scheduler: SchedulerLike, ms: number): SchedulerLike {
    let offsetMs = 0;
    scheduler.schedule(() => (offsetMs = ms), 20);
    return { now: () => scheduler.now() + offsetMs, schedule: scheduler.schedule.bind(scheduler) };
  }

  const HOUR_MS = 3_600_000;
  for (const [what, setByMs, bytes, times] of [
    ['back, while a read waits for its turn', -40_000, 0, [0, 200, 400]],
    ['back by an hour, while a read waits for bytes', -HOUR_MS, 2 * MIB, [0, 1010, 2020]],
    ['forward, while a read waits for its turn', HOUR_MS, 0, [0, 200, 400]],
  ] as const) {
    it(
      `waits as long as without it when the clock is set ${what}`,
      marbles(({ scheduler, flush }) => {
        const clock = clockSetBy(scheduler, setByMs);
        const seen: number[] = [];
        reads(readBudget(), clock, 3, bytes).subscribe(() => seen.push(scheduler.now()));
        flush();
        expect(seen).to.deep.equal(times);
      }),
    );
  }

  for (const [what, setByMs, bytes, latestMs] of [
    ['a read', -40_000, 0, 30 + 200],
    ['a read', -HOUR_MS, 0, 30 + 200],
    ['bytes', -HOUR_MS, 10 * MIB, 30 + 5_000],
    ['a read', HOUR_MS, 0, 30],
  ] as const) {
    it(
      `lets no read wait longer than the budget says when the clock is set by ${setByMs} ms between ${what} and the next`,
      marbles(({ scheduler, flush }) => {
        const clock = clockSetBy(scheduler, setByMs);
        const budget = readBudget();
        const times: number[] = [];
        const later = timer(30, scheduler).pipe(concatMap(() => reads(budget, clock, 2)));
        merge(reads(budget, clock, 1, bytes), later).subscribe(() => times.push(scheduler.now()));
        flush();
        expect(times).to.have.length(3);
        expect(times[1]).to.be.at.most(latestMs);
        expect(times[2]! - times[1]!).to.equal(200);
      }),
    );
  }

  it(
    'waits longer than a timer can hold where it has to',
    marbles(
      ({ scheduler, flush }) => {
        const days = 40 * 24 * HOUR_MS;
        const times = timesOf(scheduler, { a: reads(readBudget({ readsPerSecond: 1_000 / days }), scheduler, 2) });
        flush();
        expect(times).to.deep.equal(['a 0', `a ${days}`]);
      },
      { maxFrames: Infinity },
    ),
  );

  it(
    'gives the turn of one that does not want it any more to the next',
    marbles(({ scheduler, flush }) => {
      const budget = readBudget();
      const gone = reads(budget, scheduler, 1).pipe(takeUntil(timer(50, scheduler)));
      const times = timesOf(scheduler, { a: reads(budget, scheduler, 1), gone, b: reads(budget, scheduler, 1) });
      flush();
      expect(times).to.deep.equal(['a 0', 'b 200']);
    }),
  );

  it(
    'forgets a shard',
    marbles(({ scheduler, flush }) => {
      const budget = readBudget();
      scheduler.schedule(() => budget.forget('shard'), 20);
      const later = timer(30, scheduler).pipe(concatMap(() => reads(budget, scheduler, 1)));
      const times = timesOf(scheduler, { a: reads(budget, scheduler, 1, 10 * MIB), b: later });
      flush();
      expect(times).to.deep.equal(['a 0', 'b 30']);
    }),
  );

  it(
    'has no timer left when unsubscribed, and is cold',
    marbles(({ scheduler, expectObservable, flush }) => {
      const budget = readBudget();
      const turn = budget.acquire('shard', scheduler).pipe(map(() => 't'));
      expectObservable(turn).toBe('(t|)');
      expectObservable(turn, '-^---!').toBe('');
      flush();
      expect(scheduler.now()).to.be.lessThan(200);
    }),
  );

  it(
    'counts the bytes of two reads of one shard that are under way at once',
    marbles(({ scheduler, flush }) => {
      const budget = readBudget({ readsPerSecond: Infinity, bytesPerSecond: 1_000 });
      const times: number[] = [];
      budget.spend('shard', 1_000, scheduler);
      budget.spend('shard', 1_000, scheduler);
      budget.acquire('shard', scheduler).subscribe(() => times.push(scheduler.now()));
      flush();
      expect(times).to.deep.equal([2_000]);
    }),
  );

  it(
    'gives a read its turn while another one is in progress that did not wait',
    marbles(({ scheduler }) => {
      const budget = readBudget({ readsPerSecond: Infinity });
      const order: string[] = [];
      budget.acquire('shard', scheduler).subscribe(() => {
        budget.acquire('shard', scheduler).subscribe(() => order.push('second'));
        order.push('first is over');
      });
      expect(order).to.deep.equal(['second', 'first is over']);
    }),
  );

  describe('begins a read now', () => {
    it(
      'if it is due, and counts it',
      marbles(({ scheduler, flush }) => {
        const budget = readBudget();
        expect(beginsNow(budget, 'shard', scheduler)).to.equal(true);
        expect(beginsNow(budget, 'shard', scheduler)).to.equal(false);
        expect(beginsNow(budget, 'another', scheduler)).to.equal(true);
        const times = timesOf(scheduler, { a: reads(budget, scheduler, 1) });
        flush();
        expect(times).to.deep.equal(['a 200']);
      }),
    );

    it(
      'unless another one waits for its turn',
      marbles(({ scheduler, flush }) => {
        const budget = readBudget();
        const times = timesOf(scheduler, { a: reads(budget, scheduler, 2) });
        scheduler.schedule(() => expect(beginsNow(budget, 'shard', scheduler)).to.equal(false), 200);
        flush();
        expect(times).to.deep.equal(['a 0', 'a 200']);
      }),
    );

    it(
      'with the budget as it was made only: one that a user has made of it is asked by acquire',
      marbles(({ scheduler }) => {
        expect(beginsNow({ ...readBudget() }, 'shard', scheduler)).to.equal(false);
      }),
    );
  });

  for (const field of ['readsPerSecond', 'bytesPerSecond'] as const) {
    for (const value of [0, -1, NaN]) {
      it(`refuses ${field} ${value}`, () => {
        const error = thrownBy(() => readBudget({ [field]: value }));
        expect(isInvalidConfig(error)).to.equal(true);
        expect(error)
          .to.have.property('message')
          .that.matches(new RegExp(`^${field}: .* got ${value}$`));
      });
    }
  }
});

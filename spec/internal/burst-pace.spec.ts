import { expect } from 'chai';
import type { SchedulerLike } from 'rxjs';
import { BurstPace } from '../../lib/internal/burst-pace.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';

describe('BurstPace', () => {
  /** Asks `times` times at `atMs`; gives, after the flush, when each began. */
  const asking = (pace: BurstPace, scheduler: SchedulerLike, clock: SchedulerLike = scheduler) => {
    const began: number[] = [];
    const ask = (times: number): void => {
      for (let i = 0; i < times; i++) pace.next(clock).subscribe(() => began.push(scheduler.now()));
    };
    return { began, ask };
  };

  it(
    'lets a burst begin at once, and then one in each span, in order',
    marbles(({ scheduler, flush }) => {
      const { began, ask } = asking(new BurstPace(3, 20), scheduler);
      ask(8);
      expect(began).to.have.length(3);
      flush();
      expect(began.map((atMs) => atMs - began[0]!)).to.deep.equal([0, 0, 0, 20, 20, 20, 40, 40]);
    }),
  );

  it(
    'saves up one burst, however long nothing began',
    marbles(({ scheduler, flush }) => {
      const { began, ask } = asking(new BurstPace(2, 20), scheduler);
      ask(3);
      const startMs = began[0]!;
      scheduler.schedule(() => ask(3), 10_000);
      flush();
      expect(began.map((atMs) => atMs - startMs)).to.deep.equal([0, 0, 20, 10_000, 10_000, 10_020]);
    }),
  );

  it(
    'waits as if no time had passed when the clock is set back',
    marbles(({ scheduler, flush }) => {
      let offsetMs = 0;
      const clock: SchedulerLike = { now: () => scheduler.now() + offsetMs, schedule: scheduler.schedule.bind(scheduler) };
      const { began, ask } = asking(new BurstPace(1, 20), scheduler, clock);
      ask(2);
      const startMs = began[0]!;
      scheduler.schedule(() => {
        offsetMs = -3_600_000;
        ask(1);
      }, 100);
      flush();
      expect(began.map((atMs) => atMs - startMs)).to.deep.equal([0, 20, 140]);
    }),
  );

  it(
    'begins nothing that is unsubscribed while it waits',
    marbles(({ scheduler, flush }) => {
      const pace = new BurstPace(1, 20);
      const began: string[] = [];
      pace.next(scheduler).subscribe(() => began.push('first'));
      const waiting = pace.next(scheduler).subscribe(() => began.push('second'));
      waiting.unsubscribe();
      flush();
      expect(began).to.deep.equal(['first']);
    }),
  );
});

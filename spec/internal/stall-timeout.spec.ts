import { expect } from 'chai';
import { map, take } from 'rxjs';
import { StallTimeout } from '../../lib/internal/stall-timeout.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';

describe('StallTimeout', () => {
  it(
    'runs out after its limit, begins anew when renewed, and stands still while paused',
    marbles(({ scheduler, expectObservable }) => {
      const ranOut = (patience: StallTimeout) =>
        patience.ranOut().pipe(
          take(1),
          map(() => 'x'),
        );
      expectObservable(ranOut(new StallTimeout(10, scheduler))).toBe('10ms (x|)');

      const renewed = new StallTimeout(10, scheduler);
      scheduler.schedule(() => renewed.renew(), 7);
      expectObservable(ranOut(renewed)).toBe('17ms (x|)');

      const paused = new StallTimeout(10, scheduler);
      scheduler.schedule(() => paused.pause(), 4);
      scheduler.schedule(() => paused.resume(), 1_000);
      expectObservable(ranOut(paused)).toBe('1006ms (x|)');
    }),
  );

  for (const [what, jumpMs] of [
    ['back', -3_600_000],
    ['forward', 3_600_000],
  ] as const) {
    it(`is the same, but for a tick, by a clock that is set ${what} before a pause`, () => {
      const ranOutAtMs: number[] = [];
      marbles(({ scheduler, flush }) => {
        let offsetMs = 0;
        const clock = Object.create(scheduler, { now: { value: () => scheduler.now() + offsetMs } }) as typeof scheduler;
        const patience = new StallTimeout(10_000, clock);
        scheduler.schedule(() => (offsetMs = jumpMs), 1_000);
        scheduler.schedule(() => patience.pause(), 4_000);
        scheduler.schedule(() => patience.resume(), 100_000);
        patience
          .ranOut()
          .pipe(take(1))
          .subscribe(() => ranOutAtMs.push(scheduler.now()));
        flush();
      })();
      expect(ranOutAtMs).to.have.length(1);
      expect(ranOutAtMs[0]).to.be.within(106_000 - 250, 106_000 + 250);
    });
  }

  it('leaves no timer behind when it is unsubscribed', () => {
    marbles(({ scheduler, flush }) => {
      const patience = new StallTimeout(10_000, scheduler);
      const subscription = patience.ranOut().subscribe();
      scheduler.schedule(() => subscription.unsubscribe(), 1_100);
      flush();
      expect(scheduler.now()).to.be.below(1_500);
    })();
  });
});

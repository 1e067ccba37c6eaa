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
});

import { expect } from 'chai';
import type { SchedulerLike } from 'rxjs';
import { SteadyClock } from '../../lib/leases/steady-clock.js';

describe('SteadyClock', () => {
  const clockAt = (times: readonly number[]): number[] => {
    const left = [...times];
    const clock = new SteadyClock({ now: () => left.shift()! } as unknown as SchedulerLike, 1_000);
    return times.slice(1).map(() => clock.nowMs());
  };

  it('goes with the scheduler’s clock', () => {
    expect(clockAt([5_000, 5_000, 5_400, 6_400])).to.deep.equal([0, 400, 1_400]);
  });

  it('stands still when that is set back, and goes on from there', () => {
    expect(clockAt([5_000, 5_500, 1_000, 1_200])).to.deep.equal([500, 500, 700]);
  });

  it('advances by one step when that is set forward', () => {
    expect(clockAt([5_000, 5_500, 9_000_000, 9_000_200])).to.deep.equal([500, 1_500, 1_700]);
  });
});

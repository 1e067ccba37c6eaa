import { expect } from 'chai';
import type { SchedulerLike } from 'rxjs';
import { SteadyClock } from '../../lib/internal/steady-clock.js';

/** A steady clock, and the scheduler's clock under it, which the test sets. */
function clockAt(startMs: number, maxStepMs?: number) {
  let ms = startMs;
  const scheduler = { now: () => ms } as SchedulerLike;
  const clock = new SteadyClock(maxStepMs);
  return { clock, scheduler, at: (time: number) => ((ms = time), clock.now(scheduler)) };
}

describe('SteadyClock', () => {
  it('runs with the clock of the scheduler, from its first look', () => {
    const { at } = clockAt(5_000);
    expect([at(5_000), at(5_010), at(6_000)]).to.deep.equal([0, 10, 1_000]);
  });

  it('does not go back with it, and runs on with it from there', () => {
    const { at } = clockAt(5_000);
    expect([at(5_000), at(5_010), at(1_000), at(1_005)]).to.deep.equal([0, 10, 10, 15]);
  });

  it('goes forward with it', () => {
    const { at } = clockAt(0);
    expect([at(0), at(9_000_000), at(9_000_001)]).to.deep.equal([0, 9_000_000, 9_000_001]);
  });

  it('goes forward by one step at most, where it has been given one', () => {
    const { at } = clockAt(5_000, 1_000);
    expect([at(5_000), at(5_500), at(9_000_000), at(9_000_200)]).to.deep.equal([0, 500, 1_500, 1_700]);
  });

  it('is taken to a time that has come, and never back', () => {
    const { clock, scheduler, at } = clockAt(0);
    at(0);
    clock.advanceTo(500, scheduler);
    expect(at(0)).to.equal(500);
    clock.advanceTo(100, scheduler);
    expect(at(3)).to.equal(503);
  });

  it('counts no time twice that it was taken over', () => {
    const { clock, scheduler, at } = clockAt(0);
    at(0);
    at(10);
    expect(at(200)).to.equal(200);
    clock.advanceTo(200, scheduler);
    expect(at(201)).to.equal(201);
  });
});

import { expect } from 'chai';
import { scheduleOf } from './schedule.js';

describe('the schedule of the torture', () => {
  const minutes = (count: number): number => count * 60_000;

  it('is the same for the same seed, and another for another', () => {
    expect(scheduleOf(7, minutes(10), 5_000)).to.deep.equal(scheduleOf(7, minutes(10), 5_000));
    expect(scheduleOf(7, minutes(10), 5_000)).not.to.deep.equal(scheduleOf(8, minutes(10), 5_000));
  });

  it('has everything in ten minutes, one burst after another, and ends in time', () => {
    for (let seed = 0; seed < 20; seed++) {
      const steps = scheduleOf(seed, minutes(10), 5_000);
      expect(new Set(steps.map((step) => (step.type === 'burst' ? step.name : step.type)))).to.include.keys(
        ...['storm', 'spell', 'outage', 'kill', 'pause', 'split', 'merge'],
      );
      const bursts = steps.filter((step) => step.type === 'burst');
      bursts.slice(1).forEach(({ atMs }, index) => expect(atMs).to.be.above(bursts[index]!.atMs + bursts[index]!.lastsMs));
      for (const { atMs, lastsMs } of steps) expect(atMs + lastsMs).to.be.at.most(minutes(10));
    }
  });
});

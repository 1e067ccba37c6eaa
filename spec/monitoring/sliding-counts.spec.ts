import { expect } from 'chai';
import fc from 'fast-check';
import { SlidingCounts } from '../../lib/monitoring/sliding-counts.js';

describe('SlidingCounts', () => {
  it('counts what a list of all events would count', () => {
    const step = fc.record({ slots: fc.nat({ max: 12 }), part: fc.nat({ max: 5 }), whole: fc.integer({ min: 1, max: 5 }) });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.array(step, { maxLength: 60 }), (size, steps) => {
        const counts = new SlidingCounts(size);
        const all: { slot: number; part: number; whole: number }[] = [];
        let slot = 0;
        for (const { slots, part, whole } of steps) {
          slot += slots;
          const inWindow = all.filter((one) => one.slot >= slot - size && one.slot < slot);
          expect(counts.before(slot)).to.deep.equal({
            part: inWindow.reduce((sum, one) => sum + one.part, 0),
            whole: inWindow.reduce((sum, one) => sum + one.whole, 0),
            busySlots: new Set(inWindow.map((one) => one.slot)).size,
          });
          expect(counts.isEmpty).to.equal(!all.some((one) => one.slot >= slot - size));
          counts.add(slot, part, whole);
          all.push({ slot, part, whole });
        }
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it('is exact after millions of counts', () => {
    const counts = new SlidingCounts(3);
    for (let i = 0; i < 10_000_000; i++) counts.add(i >> 20, 1, 2);
    expect(counts.before(9)).to.deep.equal({ part: 3 * 2 ** 20, whole: 6 * 2 ** 20, busySlots: 3 });
  });
});

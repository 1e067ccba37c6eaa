import { expect } from 'chai';
import fc from 'fast-check';
import { RateLimit } from '../../lib/rates/rate-limit.js';

describe('RateLimit', () => {
  it('lets the next read wait until what was read is paid off', () => {
    const limit = new RateLimit(100, 0);
    expect(limit.waitMs(0)).to.equal(0);
    limit.spend(50, 0);
    expect(limit.waitMs(0)).to.equal(500);
    expect(limit.waitMs(200)).to.equal(300);
    expect(limit.waitMs(500)).to.equal(0);
  });

  it('saves up nothing while nothing is read', () => {
    const limit = new RateLimit(100, 0);
    limit.spend(50, 60_000);
    expect(limit.waitMs(60_000)).to.equal(500);
  });

  it('allows the records of a second in a read, and one at least', () => {
    expect(new RateLimit(100.7, 0).records).to.equal(100);
    expect(new RateLimit(0.5, 0).records).to.equal(1);
    expect(new RateLimit(Infinity, 0).records).to.equal(Infinity);
  });

  it('has a debt paid off at the new rate when the rate changes', () => {
    const limit = new RateLimit(100, 0);
    limit.spend(100, 0);
    limit.set(10, 500);
    expect(limit.waitMs(500)).to.equal(5_000);
    limit.set(Infinity, 600);
    expect(limit.waitMs(600)).to.equal(0);
  });

  it('never reads more than the rate and one read, over any time', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), fc.array(fc.nat(700), { minLength: 1, maxLength: 50 }), (rate, gaps) => {
        const limit = new RateLimit(rate, 0);
        let [nowMs, read] = [0, 0];
        for (const gap of gaps) {
          nowMs += gap;
          if (limit.waitMs(nowMs) > 0) continue;
          limit.spend(limit.records, nowMs);
          read += limit.records;
        }
        expect(read).to.be.at.most((nowMs / 1_000) * rate + limit.records + 1);
      }),
    );
  });
});

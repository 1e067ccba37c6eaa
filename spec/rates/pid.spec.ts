import { expect } from 'chai';
import fc from 'fast-check';
import { pid, type PidConfig } from '../../lib/rates/pid.js';
import type { SettledBatch } from '../../lib/rates/rate-estimator.js';
import { isInvalidConfig } from '../../lib/values/errors.js';
import { thrownBy } from '../support/thrown-by.js';

/** The cases of Spark's own estimator use batches of 20 ms. */
const SPARK = { proportional: 1, integral: 1, derived: 0, minRate: 10, intervalMs: 20 };

function batch(atMs: number, records: number, processingMs: number, schedulingMs = 0): SettledBatch {
  return { atMs, records, processingMs, schedulingMs };
}

/** What the estimator says after each batch. */
function rates(config: PidConfig, ...batches: readonly SettledBatch[]): Array<number | undefined> {
  return batches.map(pid(config).start());
}

describe('pid', () => {
  it('has no estimate after the first batch, and one after the second', () => {
    expect(rates(SPARK, batch(0, 10, 10), batch(10, 10, 10))).to.deep.equal([undefined, 1_000]);
  });

  it('has none, and keeps its state, when no time has passed, nothing was settled, or it took no time', () => {
    const [, ...between] = rates(SPARK, batch(0, 10, 10), batch(0, 10, 10), batch(10, 0, 10), batch(20, 10, 0), batch(30, 20, 10));
    expect(between).to.deep.equal([undefined, undefined, undefined, 2_000]);
  });

  it('is never below minRate', () => {
    const batches = fc.array(fc.record({ records: fc.nat(50), processingMs: fc.nat(500), schedulingMs: fc.nat(5_000) }), { maxLength: 50 });
    fc.assert(
      fc.property(batches, fc.constantFrom(0, 1), (all, derived) => {
        const found = rates({ ...SPARK, minRate: 5, derived }, ...all.map((one, i) => ({ ...one, atMs: i * 20 })));
        for (const rate of found) if (rate !== undefined) expect(rate).to.be.at.least(5);
      }),
    );
  });

  it('follows the speed of the work when nothing waits, whatever the weight of the backlog', () => {
    for (const integral of [0, 1]) {
      const batches = Array.from({ length: 50 }, (_, i) => batch(i * 20, i + 1, 20));
      const [first, ...others] = rates({ ...SPARK, integral }, ...batches);
      expect(first).to.equal(undefined);
      others.forEach((rate, i) => expect(rate).to.be.closeTo(Math.max(10, ((i + 2) / 20) * 1_000), 1e-6));
    }
  });

  it('ignores a backlog that has no weight', () => {
    const [, ...others] = rates({ ...SPARK, integral: 0 }, ...Array.from({ length: 5 }, (_, i) => batch(i * 20, 10, 20, 50)));
    expect(others).to.deep.equal([500, 500, 500, 500]);
  });

  it('stays below the speed of the work while something waits', () => {
    const batches = Array.from({ length: 50 }, (_, i) => batch(i * 20, (50 - i) * 100, 20, 25));
    const [, ...others] = rates(SPARK, ...batches);
    others.forEach((rate, i) => expect(rate).to.be.below(((49 - i) * 100 * 1_000) / 20));
  });

  it('computes what the formula of Spark does, by hand', () => {
    const gains = { proportional: 0.5, integral: 0.1, derived: 0.25, minRate: 1, intervalMs: 1_000 };
    // The first rate is 1000; then the work does 500 a second: error 500, backlog 0.5 s of it = 250, change 500 in 2 s.
    const second = 1_000 - 0.5 * 500 - 0.1 * 250 - 0.25 * 250;
    // Then it does 800, without a backlog.
    const error = second - 800;
    const third = second - 0.5 * error - 0.25 * ((error - 500) / 1);
    expect(rates(gains, batch(0, 1_000, 1_000), batch(2_000, 500, 1_000, 500), batch(3_000, 800, 1_000))).to.deep.equal([
      undefined,
      second,
      third,
    ]);
  });

  it('has the defaults of Spark, and keeps the state of each shard to itself', () => {
    const estimator = pid();
    const [one, two] = [estimator.start(), estimator.start()];
    expect(estimator.intervalMs).to.equal(1_000);
    expect(one(batch(0, 1_000, 1_000))).to.equal(undefined);
    expect(two(batch(1_000, 10, 1_000))).to.equal(undefined);
    expect(one(batch(1_000, 1_000, 1_000, 1_000))).to.equal(800);
    expect(two(batch(2_000, 10, 1_000))).to.equal(100);
  });

  for (const config of [{ proportional: -1 }, { integral: NaN }, { derived: -0.1 }, { minRate: 0 }, { intervalMs: 0 }, { derivative: 1 }]) {
    it(`refuses ${JSON.stringify(config)} when called`, () => {
      expect(isInvalidConfig(thrownBy(() => pid(config)))).to.equal(true);
    });
  }
});

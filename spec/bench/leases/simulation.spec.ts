import { expect } from 'chai';
import { FAILOVER_MS, simulate } from './simulation.js';

describe('a small fleet at rest', () => {
  for (const [workers, shards] of [
    [3, 8],
    [6, 50],
  ] as const)
    it(`of ${workers} workers scans and writes no more than by KCL's rules, and reads on in time after one was killed`, () => {
      const [own, kcl] = (['own', 'kcl'] as const).map((rules) => simulate({ workers, shards, rules, seed: 1 })) as [
        ReturnType<typeof simulate>,
        ReturnType<typeof simulate>,
      ];
      expect(own.hourly.scans).to.be.above(0).and.at.most(kcl.hourly.scans);
      expect(own.hourly.writes).to.be.above(0).and.at.most(kcl.hourly.writes);
      expect(own.doubles).to.equal(0);
      expect(own.gapsMs.crash).not.to.deep.equal([]);
      expect(Math.max(...own.gapsMs.crash)).to.be.at.most(FAILOVER_MS + 2_000);
    }).timeout(60_000);
});

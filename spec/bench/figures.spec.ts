import { expect } from 'chai';
import { cpuMicros, figureOf, median, ratioOf, recordsPerSecond, shown } from './figures.js';

const run = (cpuMs: number) => ({ records: 1_000, wallMs: 500, cpuMs });

describe('the figures of the benchmark', () => {
  it('are the middle of an odd number of runs, and of an even one the mean of both', () => {
    expect(median([9, 1, 5])).to.equal(5);
    expect(median([10, 9, 1, 4])).to.equal(6.5);
  });

  it('have a spread', () => {
    expect(figureOf([7, 20, 8])).to.deep.equal({ median: 8, min: 7, max: 20 });
    expect(shown(figureOf([7, 20, 8]))).to.equal('8.00 (7.00..20.00)');
  });

  it('are µs of CPU a record, and records a second of wall time', () => {
    expect(cpuMicros(run(7))).to.equal(7);
    expect(recordsPerSecond(run(7))).to.equal(2_000);
  });

  it('are ratios within one round: a slow round does not count for one side only', () => {
    expect(ratioOf([1, 10, 3], [2, 20, 3])).to.deep.equal({ median: 0.5, min: 0.5, max: 1 });
    expect(() => ratioOf([1], [])).to.throw('a ratio of 1 runs to 0');
  });
});

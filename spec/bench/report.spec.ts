import { expect } from 'chai';
import { cpuMicros, line, median, ratio, recordsPerSecond } from './report.js';
import type { RunResult } from './run.js';

const run = (cpuMs: number): RunResult => ({ records: 1_000, wallMs: 500, cpuMs });

describe('the report of the benchmark', () => {
  it('takes the middle of an odd number of runs, and of an even one the mean of both', () => {
    expect(median([9, 1, 5])).to.equal(5);
    expect(median([10, 9, 1, 4])).to.equal(6.5);
  });

  it('gives µs of CPU a record and records a second of wall time', () => {
    expect(cpuMicros(run(7))).to.equal(7);
    expect(recordsPerSecond(run(7))).to.equal(2_000);
  });

  it('compares medians', () => {
    expect(ratio(cpuMicros, [run(1), run(15), run(99)], [run(10)])).to.equal('1.50');
  });

  it('shows the medians and the spread of the CPU', () => {
    expect(line('A', [run(7), run(8), run(20)]).split(/\s+/)).to.deep.equal(['A', '2,000', '8.00', '7.00..20.00']);
  });
});

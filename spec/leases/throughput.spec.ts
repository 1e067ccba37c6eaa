import { expect } from 'chai';
import { Throughput } from '../../lib/leases/throughput.js';

describe('the throughput of a lease', () => {
  it('is the mean of the rate since it was measured last and the result of that measurement', () => {
    const throughput = new Throughput(1_000);
    throughput.note(4_096);
    throughput.note(4_096);
    expect(throughput.measure(5_000, 3_000)).to.equal(2);
    expect(throughput.measure(9_000, 3_000)).to.equal(1);
    throughput.note(40_960);
    expect(throughput.measure(13_000, 3_000)).to.equal(5.5);
  });

  it('is not measured again too soon, and counts those bytes the next time', () => {
    const throughput = new Throughput(0);
    throughput.note(1_024);
    expect(throughput.measure(2_999, 3_000)).to.equal(undefined);
    expect(throughput.measure(-5_000, 0)).to.equal(undefined);
    expect(throughput.measure(4_000, 3_000)).to.equal(0.25);
  });

  it('is unknown until something was read, also by pages without records', () => {
    const throughput = new Throughput(0);
    throughput.note(0);
    expect(throughput.measure(4_000, 3_000)).to.equal(undefined);
  });
});

import { expect } from 'chai';
import { Throughput } from '../../lib/leases/throughput.js';

describe('the throughput of a lease', () => {
  it('is the rate since it was reckoned last, half of it from before', () => {
    const throughput = new Throughput(1_000);
    throughput.note(4_096);
    throughput.note(4_096);
    expect(throughput.reckon(5_000, 3_000)).to.equal(2);
    expect(throughput.reckon(9_000, 3_000)).to.equal(1);
    throughput.note(40_960);
    expect(throughput.reckon(13_000, 3_000)).to.equal(5.5);
  });

  it('is not reckoned again before its time, and loses nothing by that', () => {
    const throughput = new Throughput(0);
    throughput.note(1_024);
    expect(throughput.reckon(2_999, 3_000)).to.equal(undefined);
    expect(throughput.reckon(-5_000, 0)).to.equal(undefined);
    expect(throughput.reckon(4_000, 3_000)).to.equal(0.25);
  });

  it('is unknown until something was read, also by pages without records', () => {
    const throughput = new Throughput(0);
    throughput.note(0);
    expect(throughput.reckon(4_000, 3_000)).to.equal(undefined);
  });
});

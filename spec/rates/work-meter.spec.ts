import { expect } from 'chai';
import { WorkMeter } from '../../lib/rates/work-meter.js';

describe('WorkMeter', () => {
  it('counts the work on a block from its opening, or from the end of the block before', () => {
    const meter = new WorkMeter(1_000, 0);
    meter.open(0);
    meter.open(100);
    expect(meter.settle(10, 600)).to.equal(undefined);
    expect(meter.settle(20, 1_200)).to.deep.equal({ atMs: 1_200, records: 30, processingMs: 1_200, schedulingMs: 500 });
  });

  it('counts no time in which there was nothing to do', () => {
    const meter = new WorkMeter(1_000, 0);
    meter.open(5_000);
    expect(meter.settle(10, 5_200)).to.deep.equal({ atMs: 5_200, records: 10, processingMs: 200, schedulingMs: 0 });
  });

  it('makes a batch of what is settled within an interval', () => {
    const meter = new WorkMeter(1_000, 0);
    const batches = [400, 800, 1_200, 1_600, 2_200].map((atMs, i) => {
      meter.open(i * 400);
      return meter.settle(1, atMs);
    });
    expect(batches.map((batch) => batch?.records)).to.deep.equal([undefined, undefined, 3, undefined, 2]);
  });

  it('counts the records of blocks that took no time with the next one that did', () => {
    const meter = new WorkMeter(1_000, 0);
    meter.open(2_000);
    meter.open(2_000);
    expect(meter.settle(10, 2_000)).to.equal(undefined);
    expect(meter.settle(20, 2_010)).to.include({ records: 30, processingMs: 10 });
  });

  it('measures the same throughput whatever the order in which blocks are settled', () => {
    const meter = new WorkMeter(1_000, 0);
    for (const atMs of [0, 0, 0]) meter.open(atMs);
    meter.settle(30, 500);
    meter.settle(10, 700);
    expect(meter.settle(20, 1_000)).to.include({ records: 60, processingMs: 1_000 });
  });

  it('forgets the blocks of a subscription that has ended', () => {
    const meter = new WorkMeter(1_000, 0);
    meter.open(0);
    meter.restart();
    meter.open(4_000);
    expect(meter.settle(10, 4_500)).to.include({ processingMs: 500, schedulingMs: 0 });
  });
});

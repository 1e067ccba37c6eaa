import { expect } from 'chai';
import { fanOutLatency } from './fan-out-latency.js';

describe('the latency of fan-out', function () {
  this.timeout(30_000);

  it('is below that of polling, and every record is measured', async () => {
    const { fanOut, polling } = await fanOutLatency({ puts: 30, everyMs: 60 });
    console.log(`    put to handler, p50: fan-out ${fanOut.p50.toFixed(0)} ms, polling ${polling.p50.toFixed(0)} ms`);
    expect([fanOut.records, polling.records]).to.deep.equal([30, 30]);
    expect(fanOut.p50).to.be.below(polling.p50);
  });
});

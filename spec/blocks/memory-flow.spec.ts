import { expect } from 'chai';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { flowThroughBlocks, heldBytes, MIB } from '../support/blocks-flow.js';

/** `npx tsx spec/bench/block-memory.ts` does the same with a gibibyte and 64 MiB. */
describe('100 MiB that flow through MEMORY_AND_DISK to slow work', function () {
  this.timeout(60_000);
  let directory: string;

  beforeEach(async () => void (directory = await mkdtemp(join(tmpdir(), 'rx-kinesis-flow-'))));
  afterEach(() => rm(directory, { recursive: true, force: true }));

  it('wait in no more memory than the budgets and two pages, and leave nothing on the disk', async () => {
    const before = await heldBytes();
    const flow = { blocks: 100, memoryBytes: 8 * MIB, maxLoadedBytes: 4 * MIB, backlog: 60, workMs: 5 };
    const { samples, left, keys, diskBytes } = await flowThroughBlocks({ ...flow, directory });

    const held = samples.map((sample) => (sample.heldBytes - before) / MIB);
    const waiting = samples.map((sample) => sample.waiting);
    expect(samples).to.have.length(10);
    expect(waiting[0], 'MiB that wait: more than may be held').to.be.at.least(50);
    // 8 in the memory tier and 4 loaded; 10 of pages, and 8 of what comes and goes with the blocks.
    expect(Math.max(...held), `MiB held: ${held.map((mib) => mib.toFixed(0)).join()}`).to.be.below(30);
    expect({ left, keys }).to.deep.equal({ left: [], keys: [] });
    expect(diskBytes).to.be.below(MIB / 10);
  });
});

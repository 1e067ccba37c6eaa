import { rm } from 'node:fs/promises';
import { expect } from 'chai';
import { startStage, Torture, type Stage } from '../torture/torture.js';

const SECONDS = 30;
/** Its schedule has an outage, a storm, a spell of garbled answers, a pause, a kill and a split; `npm run torture` is the long way. */
const seed = Number(process.env.SEED ?? 4);

describe(`workers in processes of their own, under faults of both services for ${SECONDS} s`, function () {
  this.timeout(180_000);
  const ended = new AbortController();
  // A spec that fails by its time limit leaves nothing running.
  after(() => ended.abort());
  let stage: Stage;
  before(async () => (stage = await startStage({ kinesis: 'kinesalite', dynamodb: 'dynalite' })));
  after(() => stage.stop());

  it(`lose nothing, keep the order, and tear no pipeline down (SEED=${seed})`, async () => {
    const lines: string[] = [];
    const { broken, figures, directory } = await Torture.run({
      ...{ seed, seconds: SECONDS, workers: 2, shards: 3, recordsPerSecond: 100, stage },
      ...{ progress: (line) => lines.push(line), signal: ended.signal },
    });
    expect(broken, `logs in ${directory}\n${lines.join('\n')}\n`).to.deep.equal([]);
    expect(figures).to.include.keys('faults made', 'kills');
    expect(figures['faults made']).to.be.above(20);
    expect(figures.kills).to.be.above(0);
    await rm(directory, { recursive: true });
  });
});

import { expect } from 'chai';
import { runSequence } from '../torture/fleet-sequences.js';
import { startStage, type Stage } from '../torture/torture.js';

/** The events of this seed: a rolling deploy, a kill and a pause. `npm run torture -- --fleet 200` runs many. */
const seed = Number(process.env.SEED ?? 1);

describe('a fleet of processes that are killed, paused, stopped and replaced', function () {
  this.timeout(120_000);
  const ended = new AbortController();
  // A spec that fails by its time limit leaves nothing running.
  after(() => ended.abort());
  let stage: Stage;
  before(async () => (stage = await startStage({ kinesis: 'kinesalite', dynamodb: 'dynalite' })));
  after(() => stage.stop());

  it(`loses nothing, keeps the order, and leaves the table whole (SEED=${seed})`, async () => {
    const { broken, records, happened, directory } = await runSequence(stage, seed, ended.signal);
    expect(broken, `${happened}; logs in ${directory}`).to.deep.equal([]);
    expect(records).to.be.above(500);
  });
});

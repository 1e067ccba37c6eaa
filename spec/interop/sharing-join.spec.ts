import { expect } from 'chai';
import { expectExactlyOnce, expectNothingLost } from './account.js';
import type { Lab } from './lab.js';
import { isLease } from './lease-rows.js';
import { scenario } from './scenario.js';
import { kclJoinsRx, readsAlone, rxJoinsKcl } from './sharing.js';

/**
 * KCL 3.x hands shards over one by one. KCL 2.x steals them, and what the victim had not checkpointed is read twice; a row that is no
 * lease would break it.
 */
async function expectShared(lab: Lab): Promise<void> {
  if (lab.line.major === 3) return expectExactlyOnce(lab.account());
  expectNothingLost(lab.account());
  expect((await lab.rows()).filter((row) => !isLease(row))).to.deep.equal([]);
}

describe('A KCL worker and one of ours that share a stream', () => {
  scenario(
    'rx-joins-kcl',
    'We join a KCL worker and both read; when it stops we read on alone, and repeat nothing',
    async (lab) => {
      const { kcl, rx } = await rxJoinsKcl(lab);
      await expectShared(lab);
      const { repeated } = lab.account();
      await kcl.stop();
      await lab.checkpoints();
      await readsAlone(lab, rx);
      await rx.stop();
      expectNothingLost(lab.account());
      expect(lab.account().repeated, 'what is repeated since KCL stopped').to.deep.equal(repeated);
    },
    { shards: 4 },
  );

  scenario(
    'kcl-joins-rx',
    'A KCL worker joins us and both read; when we stop it reads on alone, and repeats nothing',
    async (lab) => {
      const { kcl, rx } = await kclJoinsRx(lab);
      await expectShared(lab);
      const { repeated } = lab.account();
      await rx.stop();
      await lab.checkpoints();
      await readsAlone(lab, kcl);
      await kcl.stop();
      expectNothingLost(lab.account());
      expect(lab.account().repeated, 'what is repeated since we stopped').to.deep.equal(repeated);
    },
    { shards: 4 },
  );
});

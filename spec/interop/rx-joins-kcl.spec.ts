import { expect } from 'chai';
import { expectNothingLost } from './account.js';
import { scenario } from './scenario.js';
import { expectShared, readsAlone, rxJoinsKcl } from './sharing.js';

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
});

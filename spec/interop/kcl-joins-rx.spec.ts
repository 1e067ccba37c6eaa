import { expect } from 'chai';
import { expectNothingLost } from './account.js';
import { scenario } from './scenario.js';
import { expectShared, kclJoinsRx, readsAlone } from './sharing.js';

describe('A KCL worker and one of ours that share a stream', () => {
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

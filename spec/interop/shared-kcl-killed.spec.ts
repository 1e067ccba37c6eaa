import { expectNothingLost } from './account.js';
import { scenario } from './scenario.js';
import { readsAlone, rxJoinsKcl } from './sharing.js';

describe('While a KCL worker and one of ours share a stream', () => {
  scenario(
    'shared-kcl-killed',
    'The KCL worker is killed, and we read its shards on from its checkpoints',
    async (lab) => {
      const { kcl, rx } = await rxJoinsKcl(lab);
      await kcl.kill();
      await lab.checkpoints();
      await readsAlone(lab, rx);
      expectNothingLost(lab.account());
    },
    { shards: 4 },
  );
});

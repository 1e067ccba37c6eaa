import { expectNothingLost } from './account.js';
import { scenario } from './scenario.js';
import { readsAlone, rxJoinsKcl } from './sharing.js';

describe('While a KCL worker and one of ours share a stream', () => {
  scenario(
    'shared-rx-killed',
    'We are killed, and the KCL worker reads our shards on from our checkpoints',
    async (lab) => {
      const { kcl, rx } = await rxJoinsKcl(lab);
      await rx.kill();
      await lab.checkpoints();
      await readsAlone(lab, kcl);
      expectNothingLost(lab.account());
    },
    { shards: 4 },
  );
});

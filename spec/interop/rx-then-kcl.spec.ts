import { expectExactlyOnce, expectNothingLost } from './account.js';
import { scenario } from './scenario.js';

describe('Between rx-kinesis and KCL, one after the other', () => {
  scenario(
    'rx-stops-kcl-goes-on',
    'We stop half-way and KCL reads the rest',
    async (lab) => {
      await lab.stream.put(400);
      const rx = lab.rx('rx', { workMs: 10, pageRecords: 10 });
      await rx.hasRead(200);
      await rx.stop();
      await lab.checkpoints();
      await lab.stream.put(100);
      const kcl = lab.kcl('kcl');
      await lab.allRead();
      await kcl.stop();
      expectExactlyOnce(lab.account());
    },
    { shards: 4 },
  );

  scenario(
    'rx-killed-kcl-goes-on',
    'We are killed and KCL reads on from our checkpoints',
    async (lab) => {
      await lab.stream.put(400);
      const rx = lab.rx('rx', { workMs: 10, pageRecords: 10 });
      await rx.hasRead(200);
      await rx.kill();
      await lab.checkpoints();
      await lab.stream.put(100);
      const kcl = lab.kcl('kcl');
      await lab.allRead();
      await kcl.stop();
      expectNothingLost(lab.account());
    },
    { shards: 4 },
  );

  scenario(
    'rx-killed-beside-a-waiting-kcl',
    'We are killed while a KCL worker waits for its turn, and it takes every shard',
    async (lab) => {
      await lab.stream.put(100);
      const rx = lab.rx('rx');
      await rx.hasRead(100);
      const kcl = lab.kcl('kcl');
      await kcl.until('it is at work', () => kcl.of('worker').some(({ state }) => state === 'STARTED'));
      await lab.stream.put(100);
      await lab.allRead();
      await rx.kill();
      await lab.checkpoints();
      await lab.stream.put(100);
      await lab.allRead();
      await kcl.stop();
      expectNothingLost(lab.account());
    },
    { shards: 4 },
  );
});

import { expect } from 'chai';
import { expectExactlyOnce } from './account.js';
import { scenario } from './scenario.js';
import { slowly } from './sharing.js';

describe('From KCL to rx-kinesis and back', () => {
  scenario(
    'kcl-rx-kcl',
    'KCL reads on where we stopped after reading on where it had stopped',
    async (lab) => {
      await lab.stream.put(300);
      await lab.kcl('kcl-1', { ...slowly, STOP_AFTER: '100' }).ended();
      await lab.checkpoints();
      const rx = lab.rx('rx');
      await lab.allRead();
      await rx.stop();
      await lab.stream.put(100);
      await lab.checkpoints();
      const kcl = lab.kcl('kcl-2');
      await lab.allRead();
      await kcl.stop();
      expect(kcl.records).to.have.length(100);
      expectExactlyOnce(lab.account());
    },
    { shards: 4 },
  );
});

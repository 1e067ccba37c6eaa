import { expect } from 'chai';
import { expectExactlyOnce, expectNothingLost, isAfter } from './account.js';
import { expectKept } from './lease-rows.js';
import { scenario } from './scenario.js';
import { slowly } from './sharing.js';

describe('Between KCL and rx-kinesis, one after the other', () => {
  scenario(
    'kcl-stops-rx-goes-on',
    'KCL stops half-way and we read the other half, and leave alone what it keeps in the table',
    async (lab) => {
      await lab.stream.put(400);
      await lab.kcl('kcl', { ...slowly, STOP_AFTER: '200' }).ended();
      await lab.checkpoints();
      const before = await lab.rows();
      const rx = lab.rx('rx');
      await lab.allRead();
      await rx.stop();
      expectExactlyOnce(lab.account());
      expectKept(before, await lab.rows());
    },
    { shards: 4 },
  );

  scenario(
    'kcl-killed-rx-goes-on',
    'KCL is killed and we read again what it had not checkpointed, and no more',
    async (lab) => {
      await lab.stream.put(400);
      const kcl = lab.kcl('kcl', { ...slowly, CHECKPOINT_MS: '1000' });
      await kcl.hasRead(200);
      await kcl.kill();
      const stored = await lab.checkpoints();
      const unsaved = kcl.records.filter(({ shardId, sequenceNumber }) => isAfter(sequenceNumber, stored[shardId]!));
      const rx = lab.rx('rx');
      await lab.allRead();
      await rx.stop();
      const account = lab.account();
      expectNothingLost(account);
      expect(account.repeated).to.have.members(unsaved.map(({ shardId, sequenceNumber }) => `${shardId} ${sequenceNumber}`));
    },
    { shards: 4 },
  );
});

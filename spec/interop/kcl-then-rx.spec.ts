import { expect } from 'chai';
import { expectExactlyOnce, expectNothingLost, isAfter } from './account.js';
import { scenario } from './scenario.js';

/** Pages so small, and work so slow, that KCL is in the middle of the stream when it ends. */
const slowly = { MAX_RECORDS: '20', RECORD_DELAY_MS: '5' };

describe('Between KCL and rx-kinesis, one after the other', () => {
  scenario(
    'kcl-stops-rx-goes-on',
    'KCL stops half-way and we read the other half',
    async (lab) => {
      await lab.stream.put(400);
      await lab.kcl('kcl', { ...slowly, STOP_AFTER: '200' }).ended();
      await lab.checkpoints();
      const rx = lab.rx('rx');
      await lab.allRead();
      await rx.stop();
      expectExactlyOnce(lab.account());
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

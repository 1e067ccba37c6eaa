import { expect } from 'chai';
import { expectNothingLost } from './account.js';
import { keyOf } from './lease-rows.js';
import { PARENT } from './resharding.js';
import { scenario } from './scenario.js';

describe('A reshard that KCL sees and rx-kinesis reads on from', () => {
  scenario(
    'kcl-ended-a-parent-rx-at-latest',
    'KCL has ended a split shard, and we read its unread children from their beginning though we start at LATEST',
    async (lab) => {
      await lab.stream.put(100);
      const kcl = lab.kcl('kcl');
      await kcl.hasRead(100);
      await lab.stream.split(PARENT);
      await kcl.until('the end is stored', () => kcl.of('checkpoint').some(({ sequenceNumber }) => sequenceNumber === 'SHARD_END'));
      await kcl.kill();
      await lab.checkpoints();
      await lab.stream.put(100);
      const rx = lab.rx('rx', { startFrom: 'LATEST' });
      await lab.allRead();
      await rx.stop();
      expectNothingLost(lab.account());
    },
  );

  scenario(
    'kcl-killed-before-shard-end',
    'KCL is killed when the children have their rows and their parent has no SHARD_END, and we end it and read them',
    async (lab) => {
      await lab.stream.put(100);
      const kcl = lab.kcl('kcl', { SHARD_END_DELAY_MS: '60000' });
      await kcl.hasRead(100);
      await lab.stream.split(PARENT);
      await kcl.until('it is at the end', () => kcl.of('shardEnded').length === 1);
      await kcl.kill();
      const stored = await lab.checkpoints();
      expect(Object.keys(stored)).to.include.members(['shardId-000000000002', 'shardId-000000000003']);
      expect(stored[PARENT]).to.not.equal('SHARD_END');
      await lab.stream.put(100);
      const rx = lab.rx('rx');
      await lab.allRead();
      await rx.stop();
      expectNothingLost(lab.account());
      expect((await lab.checkpoints())[PARENT]).to.equal('SHARD_END');
    },
  );

  // KCL deletes the row of an ended shard by itself, five minutes after its children are under way.
  scenario('kcl-cleaned-up-a-parent', 'KCL has deleted the row of an ended parent, and we do not read that shard again', async (lab) => {
    await lab.stream.put(100);
    const kcl = lab.kcl('kcl');
    await kcl.hasRead(100);
    await lab.stream.split(PARENT);
    await lab.stream.put(100);
    await lab.allRead();
    await kcl.until('the children have checkpoints', async () => {
      const children = (await lab.leases()).filter((row) => row.parentShardId !== undefined);
      return children.length === 2 && children.every((row) => row.checkpoint!.S !== 'TRIM_HORIZON');
    });
    await kcl.stop();
    await lab.checkpoints();
    await lab.deleteRow(PARENT);
    await lab.stream.put(50);
    const rx = lab.rx('rx');
    await lab.allRead();
    // Time to read the parent, if it were to be read.
    await rx.until('the children are checkpointed', () => new Set(rx.of('checkpoint').map(({ shardId }) => shardId)).size >= 3);
    await rx.stop();
    expectNothingLost(lab.account());
    expect((await lab.leases()).map(keyOf)).to.not.include(PARENT);
  });
});

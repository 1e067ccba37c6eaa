import { expect } from 'chai';
import { expectExactlyOnce, expectNothingLost } from './account.js';
import type { Lab } from './lab.js';
import { keyOf } from './lease-rows.js';
import { scenario } from './scenario.js';

const PARENT = 'shardId-000000000000';

/** Puts records into both children of a shard that is split, and reads on with KCL, on what we have left. */
async function kclReadsTheChildren(lab: Lab): Promise<void> {
  await lab.checkpoints();
  const kcl = lab.kcl('kcl');
  await lab.allRead();
  await kcl.stop();
}

/** Splits the first shard while a worker of ours reads it, which ends at that shard's end, by itself. */
async function endAtTheSplit(lab: Lab, settings: Parameters<Lab['rx']>[1]): Promise<void> {
  await lab.stream.put(100);
  // What it lists before it ends at the split has no children yet.
  const rx = lab.rx('rx', { discoveryIntervalMs: 60_000, ...settings });
  await rx.hasRead(100);
  await lab.stream.split(PARENT);
  await lab.stream.put(100);
  await rx.ended();
}

describe('A reshard that rx-kinesis sees and KCL reads on from', () => {
  scenario(
    'rx-reads-over-a-reshard',
    'We read over a split and a merge, and KCL goes on',
    async (lab) => {
      await lab.stream.put(200);
      const rx = lab.rx('rx');
      await rx.hasRead(200);
      const [first, second, third] = (await lab.stream.shards()).map(({ ShardId }) => ShardId!);
      await lab.stream.split(first!);
      await lab.stream.merge(second!, third!);
      await lab.stream.put(100);
      await lab.allRead();
      await rx.stop();
      await lab.stream.put(100);
      await kclReadsTheChildren(lab);
      expectExactlyOnce(lab.account());
    },
    { shards: 4 },
  );

  scenario('rx-stops-at-a-shards-end', 'We stop at the end of a split shard, and KCL reads its children', async (lab) => {
    await endAtTheSplit(lab, { stopsAtShardEnd: true });
    await kclReadsTheChildren(lab);
    expectExactlyOnce(lab.account());
  });

  scenario(
    'rx-killed-before-shard-end',
    'We are killed when the children have their rows and their parent has no SHARD_END, and KCL ends it and reads them',
    async (lab) => {
      await endAtTheSplit(lab, { diesAtShardEnd: 'before' });
      const rows = (await lab.leases()).map((row) => `${keyOf(row)} ${row.checkpoint!.S === 'SHARD_END' ? 'ended' : 'open'}`);
      const others = ['shardId-000000000001', 'shardId-000000000002', 'shardId-000000000003'];
      expect(rows).to.deep.equal([PARENT, ...others].map((shardId) => `${shardId} open`));
      await kclReadsTheChildren(lab);
      expectNothingLost(lab.account());
    },
  );

  scenario('rx-killed-after-shard-end', 'We are killed just after SHARD_END is written, and KCL reads the children', async (lab) => {
    await endAtTheSplit(lab, { diesAtShardEnd: 'after' });
    const parent = (await lab.leases()).find((row) => keyOf(row) === PARENT)!;
    expect(parent.checkpoint!.S).to.equal('SHARD_END');
    expect(parent.childShardIds?.SS, 'the children that the row names').to.have.members(['shardId-000000000002', 'shardId-000000000003']);
    await kclReadsTheChildren(lab);
    expectNothingLost(lab.account());
  });
});

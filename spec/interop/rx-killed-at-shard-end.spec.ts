import { expect } from 'chai';
import { expectNothingLost } from './account.js';
import { keyOf } from './lease-rows.js';
import { endAtTheSplit, kclReadsTheChildren, PARENT } from './resharding.js';
import { scenario } from './scenario.js';

describe('A kill of rx-kinesis around the end of a split shard', () => {
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

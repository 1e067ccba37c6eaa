import { expect } from 'chai';
import { expectNothingLost } from './account.js';
import type { Lab } from './lab.js';
import { scenario } from './scenario.js';
import { rxJoinsKcl } from './sharing.js';

/** Expects that no record of a child was read before the last record of each of its parents. */
async function expectParentsFirst(lab: Lab): Promise<void> {
  const first = new Map<string, number>();
  const lastNew = new Map<string, number>();
  const seen = new Set<string>();
  const inOrder = lab.readers.flatMap(({ records }) => records).sort((a, b) => a.at - b.at);
  for (const { shardId, sequenceNumber, at } of inOrder) {
    if (!first.has(shardId)) first.set(shardId, at);
    if (!seen.has(`${shardId} ${sequenceNumber}`)) lastNew.set(shardId, at);
    seen.add(`${shardId} ${sequenceNumber}`);
  }
  for (const { ShardId, ParentShardId, AdjacentParentShardId } of await lab.stream.shards()) {
    for (const parent of [ParentShardId, AdjacentParentShardId]) {
      if (!parent || !first.has(ShardId!) || !lastNew.has(parent)) continue;
      expect(first.get(ShardId!), `the first of ${ShardId} after the last of ${parent}`).to.be.at.least(lastNew.get(parent)!);
    }
  }
}

describe('While a KCL worker and one of ours share a stream', () => {
  scenario(
    'shared-reshard',
    'Shards are split and merged, and their children are read after them by whoever gets them',
    async (lab) => {
      const { kcl, rx } = await rxJoinsKcl(lab);
      const [split, lower, upper] = (await lab.stream.shards()).map(({ ShardId }) => ShardId!);
      await lab.stream.split(split!);
      await lab.stream.merge(lower!, upper!);
      const traffic = lab.traffic();
      await lab.shared([kcl, rx]);
      await traffic.end();
      await lab.allRead();
      await expectParentsFirst(lab);
      expectNothingLost(lab.account());
    },
    { shards: 4 },
  );
});

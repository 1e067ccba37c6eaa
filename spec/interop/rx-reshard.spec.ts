import { expectExactlyOnce } from './account.js';
import { endAtTheSplit, kclReadsTheChildren } from './resharding.js';
import { scenario } from './scenario.js';

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
});

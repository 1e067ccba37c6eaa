import { expect } from 'chai';
import { expectExactlyOnce } from './account.js';
import { scenario } from './scenario.js';

/** KCL sleeps so long when it has made its first rows, in ms: nobody works on them then. */
const asleep = ['lease.shardSyncIntervalMillis=60000'];

describe('Rows that say only where a shard begins', () => {
  scenario('rows-at-horizon-rx-at-latest', 'KCL made them at TRIM_HORIZON, and we begin there though we start at LATEST', async (lab) => {
    await lab.stream.put(100);
    const kcl = lab.kcl('kcl', {}, asleep);
    await kcl.until('both shards have rows', async () => (await lab.leases()).length === 2);
    await kcl.kill();
    expect(Object.values(await lab.checkpoints())).to.deep.equal(['TRIM_HORIZON', 'TRIM_HORIZON']);
    const rx = lab.rx('rx', { startFrom: 'LATEST' });
    await lab.allRead();
    await rx.stop();
    expectExactlyOnce(lab.account());
  });

  scenario(
    'rows-at-latest-rx-at-horizon',
    'KCL made them at LATEST, and we pass over the old records though we start at TRIM_HORIZON',
    async (lab) => {
      await lab.stream.put(100);
      const kcl = lab.kcl('kcl', { INITIAL_POSITION: 'LATEST' });
      await kcl.hasBegun(2);
      await kcl.stop();
      expect(Object.values(await lab.checkpoints())).to.deep.equal(['LATEST', 'LATEST']);
      const rx = lab.rx('rx');
      await rx.hasBegun(2);
      await lab.stream.put(20);
      await rx.hasRead(20);
      await rx.until('both shards have checkpoints', () => new Set(rx.of('checkpoint').map(({ shardId }) => shardId)).size === 2);
      await rx.stop();
      const { read, lost, repeated } = lab.account();
      expect({ read, lost: lost.length, repeated }).to.deep.equal({ read: 20, lost: 100, repeated: [] });
    },
  );

  scenario('a-child-without-row', 'One child of an ended shard has no row, which KCL never mends: we read it', async (lab) => {
    await lab.stream.split('shardId-000000000000');
    await lab.stream.put(100);
    const [parent, neighbour, child] = await lab.stream.shards();
    await lab.createTable();
    await lab.putRow(parent!, 'SHARD_END');
    await lab.putRow(neighbour!, 'TRIM_HORIZON');
    await lab.putRow(child!, 'TRIM_HORIZON');
    const rx = lab.rx('rx');
    await lab.allRead();
    await rx.stop();
    await lab.checkpoints();
    await lab.stream.put(50);
    const kcl = lab.kcl('kcl');
    await lab.allRead();
    await kcl.stop();
    expectExactlyOnce(lab.account());
  });
});

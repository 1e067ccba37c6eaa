import { expect } from 'chai';
import { expectExactlyOnce, expectNothingLost } from './account.js';
import { kclLines } from './kcl-lines.js';
import { keyOf } from './lease-rows.js';
import { scenario } from './scenario.js';
import { allReadMore, readsAlone, rxJoinsKcl } from './sharing.js';

const lines = kclLines.filter(({ major }) => major === 3);
/** KCL 3.x as it runs while a fleet moves up from 2.x: takes and steals as 2.x does. */
const compatible = ['coordinator.clientVersionConfig=CLIENT_VERSION_CONFIG_COMPATIBLE_WITH_2X'];

describe('A member of a fleet of KCL 3.x', () => {
  scenario(
    'member-of-a-fleet',
    'Its leader assigns us leases and takes some back for another worker, each handed over with its checkpoint; when we stop it has all of them within 30 s',
    async (lab) => {
      const { kcl, rx } = await rxJoinsKcl(lab);
      const ours = (await lab.rows()).find((row) => keyOf(row) === 'rx');
      expect(ours?.entityType?.S, 'the row by which the leader knows us').to.equal('WORKER_METRIC_STATS');

      const traffic = lab.traffic();
      const second = lab.kcl('kcl-2');
      await lab.shared([kcl, rx, second], 200_000);
      await allReadMore([kcl, rx, second]);
      await traffic.end();
      await lab.allRead();
      expectExactlyOnce(lab.account());

      const held = await lab.heldBy('rx');
      await rx.stop();
      const after = await lab.rows();
      expect(after.map(keyOf), 'the leader forgets us').to.not.include('rx');
      expect(after.filter((row) => row.leaseOwner?.S === 'rx').map(keyOf), 'our leases are free').to.deep.equal([]);
      await kcl.until(
        'our leases have owners',
        async () => {
          const rows = (await lab.leases()).filter((row) => held.includes(keyOf(row)));
          return rows.every((row) => row.leaseOwner !== undefined);
        },
        30_000,
      );
      await lab.stream.put(100);
      await lab.allRead(30_000);
      expectExactlyOnce(lab.account());
    },
    { shards: 6, lines },
  );

  scenario(
    'beside-a-compatible-worker',
    'Beside a worker that still works as 2.x does, we take and give leases by the rules of 2.x',
    async (lab) => {
      const { kcl, rx } = await rxJoinsKcl(lab, compatible);
      await kcl.stop();
      await lab.checkpoints();
      await readsAlone(lab, rx);
      expectNothingLost(lab.account());
    },
    { shards: 4, lines },
  );
});

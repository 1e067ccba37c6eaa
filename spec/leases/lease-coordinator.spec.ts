import { expect } from 'chai';
import { fakeLeases } from '../../lib/testing/leases/fakeLeases.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import { holdings, leasables, script, startWorker, type FleetConfig, type FleetWorker } from '../support/lease-fleet.js';
import { seededRandom } from '../support/seeded-random.js';

const shards = leasables(8);

describe('debug', () => {
  it(
    'three',
    marbles(({ scheduler, flush }) => {
      const table = fakeLeases({ scheduler });
      const workers: FleetWorker[] = [];
      const start = (id: string, config: Partial<FleetConfig> = {}) => {
        const w = startWorker(table, id, shards, { scheduler, random: seededRandom(workers.length), ...config });
        workers.push(w);
        return w;
      };
      const seen: unknown[] = [];
      const look = () => seen.push([scheduler.now(), JSON.stringify(holdings(...workers))]);
      script(scheduler, {
        0: () => ['w1', 'w2', 'w3'].forEach((id) => start(id)),
        100: look, 500: look, 1000: look, 2000: look,
        3000: look, 3001: () => workers[0]!.crash(), 13000: look, 14000: look, 15000: look, 17000: look,
        20000: () => workers[1]!.stop(), 20100: look, 20600: look, 21000: look,
        22000: () => start('w4', { drainMs: 300 }), 23000: look, 24000: look, 25000: look,
        60000: () => workers.forEach((w) => w.stop()), 61000: look, 70000: () => workers.forEach((w) => w.crash()),
      });
      flush();
      console.log(seen.join('\n'));
      console.log(workers.map((w) => w.id + ': ' + w.news.join(', ')).join('\n'));
      console.log(workers.map((w) => w.events.map((e) => JSON.stringify(e)).join('\n')).join('\n--\n'));
      console.log(table.log.length);
    }),
  );
});

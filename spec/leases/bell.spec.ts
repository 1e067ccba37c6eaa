import { expect } from 'chai';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import type { FakeLeases } from '../../lib/testing/leases/fakeLeases.js';
import { fleetOf, holdings, leasable, leasables, type FleetWorker } from '../support/lease-fleet.js';

const names = ['w1', 'w2', 'w3', 'w4', 'w5'];
/** The requests of a kind from one time up to another, by all workers or one. */
const requests = (table: FakeLeases, kind: string, [from, to]: readonly [number, number], worker?: string): string[] =>
  table.log.filter((line) => {
    const [at, who, what] = line.split(' ');
    return Number(at) >= from && Number(at) < to && what === kind && (worker === undefined || who === worker);
  });
const heldBy = (workers: readonly FleetWorker[], shard: number) => workers.find(({ held }) => held.has(shard));
const allHeld = (workers: readonly FleetWorker[]): number => Object.values(holdings(...workers)).flat().length;
const grantsAfter = (workers: readonly FleetWorker[], at: number): number[] =>
  workers
    .flatMap(({ news }) => news)
    .filter((text) => text.includes('granted'))
    .map((text) => Number(text.split(' ')[0]))
    .filter((time) => time > at);

describe('the bell of a fleet', () => {
  it(
    'leaves the watch to two workers, and costs the others a read of one row each twentieth of the failover time',
    marbles((helpers) => {
      const { start, run, workers, table } = fleetOf(helpers, leasables(20));
      run(12_000, {
        0: () => names.forEach((id) => start(id)),
        2_000: () => expect(allHeld(workers)).to.equal(20),
      });
      const watcher = table.row(0)!.leaseOwner;
      const second = table
        .rows()
        .map(({ leaseOwner }) => leaseOwner)
        .find((owner) => owner !== watcher);
      for (const { id } of workers) {
        const scans = requests(table, 'scan', [3_000, 11_000], id).length;
        // One in two and a half failover times, and one in eight of them.
        const isWatching = id === watcher || id === second;
        expect(scans - (isWatching ? 2 : 0), id).to.be.within(1, 2);
        // Those that watch read the pulses of the four others too, each seven times in a failover time.
        expect(requests(table, 'peek', [3_000, 4_000], id).length - (isWatching ? 4 * 7 : 0), id).to.be.within(13, 20);
      }
      expect(requests(table, 'ring', [3_000, 11_000])).to.deep.equal([]);
    }),
  );

  for (const isWatcher of [false, true])
    it(
      `calls all to the leases of a worker that stops, at once, ${isWatcher ? 'also of the one that watches' : 'of one that does not watch'}`,
      marbles((helpers) => {
        const { start, run, workers, table } = fleetOf(helpers, leasables(20));
        run(8_000, {
          0: () => names.forEach((id) => start(id)),
          4_000: () => workers.find(({ held }) => held.has(0) === isWatcher)!.stop(),
          4_100: () => expect(allHeld(workers)).to.equal(20),
        });
        const rings = requests(table, 'ring', [4_000, 8_000]);
        expect(rings.length, 'releases together ring once or twice').to.be.within(1, 3);
        expect(new Set(workers.flatMap(({ news }) => news.filter((text) => text.includes('lost'))))).to.deep.equal(new Set());
      }),
    );

  it(
    'calls the others when the one that watches has seen that a worker is gone, and has freed what is beyond its share',
    marbles((helpers) => {
      const { start, run, workers } = fleetOf(helpers, leasables(20));
      let gone: FleetWorker | undefined;
      run(9_000, {
        0: () => names.forEach((id) => start(id)),
        4_000: () => (gone = workers.find(({ held }) => !held.has(0))!).crash(),
        5_350: () => expect(Object.values(holdings(...workers)).map((held) => held.length)).to.have.members([0, 5, 5, 5, 5]),
      });
      const freed = workers.flatMap(({ events }) => events.filter(({ type }) => type === 'leaseFreed'));
      expect(freed.length).to.be.within(1, 4);
      expect(freed[0]).to.include({ formerOwner: gone!.id });
      // Nobody took one before its owner must have given it up.
      expect(Math.min(...grantsAfter(workers, 4_000))).to.be.above(4_000 + 1_000 - 1_000 / 3);
    }),
  );

  it(
    'is not needed where the worker that watches is gone: the others see it, and watch by themselves',
    marbles((helpers) => {
      const { start, run, workers } = fleetOf(helpers, leasables(20));
      run(9_000, {
        0: () => names.forEach((id) => start(id)),
        4_000: () => heldBy(workers, 0)!.crash(),
        5_700: () => expect(allHeld(workers)).to.equal(20),
      });
      expect(Math.min(...grantsAfter(workers, 4_000))).to.be.above(4_000 + 1_000 - 1_000 / 3);
    }),
  );

  it(
    'is rung by the worker that watches for what nobody has rung for',
    marbles((helpers) => {
      const { start, run, workers, table } = fleetOf(helpers, leasables(20));
      run(6_000, {
        0: () => names.forEach((id) => start(id)),
        // Another program removes an owner, or a worker has released its leases and was killed before it could ring.
        4_000: () => {
          const worker = workers.find(({ held }) => !held.has(0))!;
          const shards = [...worker.held.keys()];
          worker.crash();
          for (const shard of shards)
            table.put(shard, { leaseOwner: undefined, gracefulOwner: undefined, leaseCounter: table.row(shard)!.leaseCounter + 1 });
        },
        4_300: () => expect(table.rows().filter(({ leaseOwner }) => leaseOwner === undefined)).to.deep.equal([]),
      });
    }),
  );

  it(
    'is none of a shard that the stream does not have any more, and moves when its row ends',
    marbles((helpers) => {
      const shards = leasables(20).slice(1);
      const { start, run, workers, table } = fleetOf(helpers, shards);
      table.put(0);
      // Only workers that watch read other rows too: the pulses.
      let listener: string | undefined;
      const bells = (span: readonly [number, number]) => [
        ...new Set(requests(table, 'peek', span, listener).map((line) => line.split(' ')[3])),
      ];
      run(9_000, {
        0: () => names.forEach((id) => start(id)),
        4_000: () => {
          listener = workers.filter(({ held }) => ![1, 2, 3].some((shard) => held.has(shard))).at(-1)!.id;
          expect(bells([3_000, 4_000])).to.deep.equal(['1']);
          const holder = heldBy(workers, 1)!;
          const end = { streamName: 'flights', shardId: leasable(1).shardId, sequenceNumber: 'SHARD_END', subSequenceNumber: 0 };
          holder.store.write(end, { ...shards[0]!, childShards: [leasable(30, { hashKeyRange: shards[0]!.hashKeyRange })] }).subscribe();
        },
        7_000: () => workers.find(({ held }) => held.size > 0 && !held.has(2))!.stop(),
        7_100: () =>
          expect(
            shards.slice(1).filter(({ shardId }) => table.rows().some((row) => row.leaseKey === shardId && !row.leaseOwner)),
          ).to.deep.equal([]),
      });
      expect(bells([6_000, 9_000])).to.deep.equal(['2']);
      expect(requests(table, 'ring', [4_000, 4_500]).map((line) => line.split(' ')[3])).to.include('2');
    }),
  );

  it(
    'that cannot be read delays nobody for longer than the worker that watches would: each then looks by itself',
    marbles((helpers) => {
      const { start, run, workers, table } = fleetOf(helpers, leasables(20));
      let deaf: FleetWorker | undefined;
      run(9_000, {
        0: () => names.forEach((id) => start(id)),
        4_000: () => {
          deaf = workers.find(({ held }) => !held.has(0))!;
          table.fail(deaf.id, Object.assign(new Error(), { name: 'ThrottlingException' }));
        },
        4_250: () => table.heal(deaf!.id),
        5_000: () => workers.find((worker) => worker !== deaf && !worker.held.has(0))!.stop(),
        5_200: () => expect(allHeld(workers)).to.equal(20),
      });
      const told = deaf!.events.filter((event) => event.type === 'leaseRequestFailed' && event.action === 'look');
      expect(told.length).to.be.within(2, 10);
      expect(allHeld(workers)).to.equal(0);
    }),
  );

  it(
    'is not rung on a row of another program, nor on one that is gone, and the next row is rung then',
    marbles((helpers) => {
      const { start, run, workers, table } = fleetOf(
        helpers,
        [0, 1, 2, 3].map((shard) => leasable(shard)),
      );
      run(3_000, {
        0: () => ['w1', 'w2'].forEach((id) => start(id)),
        1_900: () => table.delete(0),
        1_901: () => workers.find(({ held }) => !held.has(0))!.stop(),
      });
      const rung = requests(table, 'ring', [1_900, 2_000]).map((line) => line.split(' ')[3]);
      expect(rung.slice(0, 2)).to.deep.equal(['0', '1']);
      expect(table.row(1)!.rings).to.be.above(0);
    }),
  );
});

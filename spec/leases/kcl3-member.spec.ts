import { expect } from 'chai';
import { from } from 'rxjs';
import type { FakeLeases } from '../../lib/testing/leases/fakeLeases.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import { fleetOf, holdings, leasable, leasables, type FleetWorker } from '../support/lease-fleet.js';

const V3 = 'CLIENT_VERSION_3X';
const saidBy = (table: FakeLeases, worker: string, what: string) =>
  table.log.filter((line) => line.endsWith(`${worker} ${what}`)).map((line) => Math.floor(Number(line.split(' ')[0]) / 1_000));
/** A Java worker holds all leases and renews; the leader's lock is alive. */
const java = (table: FakeLeases, shards: number) => {
  let beats = 0;
  for (let shard = 0; shard < shards; shard++)
    table.put(shard, { leaseOwner: 'java', leaseCounter: 1, hashKeyRange: leasables(shards)[shard]!.hashKeyRange });
  return () => {
    table.kcl3({ clientVersion: V3, leaderHeartbeat: String(beats++) });
    for (const { leaseKey, leaseOwner, checkpointOwner, leaseCounter } of table.rows()) {
      if ((checkpointOwner ?? leaseOwner) === 'java') table.put(leaseKey, { leaseCounter: leaseCounter + 1 });
    }
  };
};
const checkpointOf = (shard: number, sequenceNumber: string) => ({ ...leasable(shard), sequenceNumber, subSequenceNumber: 0 });
const newsOf = ({ news }: FleetWorker) => news.map((text) => text.split(' ')[1]);
const every = (ms: number, untilMs: number, step: () => void) =>
  Object.fromEntries(Array.from({ length: Math.floor(untilMs / ms) }, (_, index) => [index * ms + 3, step]));

describe('a member of a KCL 3 fleet', () => {
  it(
    'says each half minute that it is there, and takes nothing by itself',
    marbles((helpers) => {
      const { table, start, run, workers } = fleetOf(helpers, leasables(4));
      const beat = java(table, 4);
      table.put(3, { leaseOwner: undefined });
      beat();
      run(70_000, { ...every(500, 70_000, beat), 1: () => start('w1') });
      expect(saidBy(table, 'w1', 'publish')).to.deep.equal([0, 30, 60]);
      expect(workers[0]!.news).to.deep.equal([]);
      expect(table.row(3)).to.include({ leaseOwner: undefined });
    }),
  );

  it(
    'says no more that it is there once it has stopped, also if that was during a look (regression: it did again, and was assigned leases)',
    marbles((helpers) => {
      const { table, start, run, workers } = fleetOf(helpers, leasables(2));
      const beat = java(table, 2);
      beat();
      const stops = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [2_000 + i, () => workers[i]!.stop()]));
      run(4_000, { ...every(200, 4_000, beat), 1: () => Array.from({ length: 60 }, (_, i) => start(`w${i}`)), ...stops });
      for (const { id } of workers) {
        const said = table.log.map((line) => line.split(' ').slice(1).join(' ')).filter((line) => /^(w\d+) (publish|withdraw)$/.test(line));
        expect(said.filter((line) => line.startsWith(`${id} `))).to.deep.equal([`${id} publish`, `${id} withdraw`]);
      }
    }),
  );

  it(
    'reads and renews what the leader assigns to it, once the former owner has finished',
    marbles((helpers) => {
      const { table, start, run, workers } = fleetOf(helpers, leasables(2));
      const beat = java(table, 2);
      beat();
      run(10_000, {
        ...every(200, 10_000, beat),
        1: () => start('w1'),
        2_000: () => table.put(0, { leaseOwner: 'w1', checkpointOwner: 'java' }),
        4_000: () => {
          expect(holdings(...workers)).to.deep.equal({ w1: [] });
          table.put(0, { checkpointOwner: undefined, leaseCounter: table.row(0)!.leaseCounter + 1 });
        },
        4_200: () => expect(holdings(...workers)).to.deep.equal({ w1: [0] }),
        9_000: () => expect(holdings(...workers)).to.deep.equal({ w1: [0] }),
      });
      expect(table.row(0)).to.include({ leaseOwner: 'w1' });
    }),
  );

  it(
    'hands over what the leader assigns to another, having gone on renewing until its work had ended',
    marbles((helpers) => {
      const { table, start, run, workers } = fleetOf(helpers, leasables(2));
      const beat = java(table, 2);
      table.put(0, { leaseOwner: 'w1' });
      beat();
      run(10_000, {
        ...every(200, 10_000, beat),
        1: () => start('w1', { drainMs: 3_000 }),
        2_000: () => table.put(0, { leaseOwner: 'java', checkpointOwner: 'w1' }),
        4_500: () => expect(table.row(0)).to.include({ leaseOwner: 'java', checkpointOwner: 'w1' }),
        5_500: () => expect(table.row(0)).to.include({ leaseOwner: 'java' }),
      });
      expect(table.row(0)).not.to.have.property('checkpointOwner');
      expect(newsOf(workers[0]!)).to.deep.equal(['granted']);
    }),
  );

  it(
    'hands over in time also what does not end in time',
    marbles((helpers) => {
      const { table, start, run, workers } = fleetOf(helpers, leasables(2));
      const beat = java(table, 2);
      table.put(0, { leaseOwner: 'w1' });
      beat();
      run(6_000, {
        ...every(200, 6_000, beat),
        1: () => start('w1', { answers: false, handOverTimeoutMs: 1_500 }),
        2_000: () => table.put(0, { leaseOwner: 'java', checkpointOwner: 'w1' }),
        4_000: () => expect(table.row(0)).not.to.have.property('checkpointOwner'),
      });
      expect(newsOf(workers[0]!)).to.deep.equal(['granted', 'lost']);
    }),
  );

  it(
    'takes back that it is there when it stops',
    marbles((helpers) => {
      const { table, start, run, workers } = fleetOf(helpers, leasables(1));
      const beat = java(table, 1);
      beat();
      run(3_000, { ...every(200, 3_000, beat), 1: () => start('w1'), 2_000: () => workers[0]!.stop() });
      expect(saidBy(table, 'w1', 'withdraw')).to.deep.equal([2]);
    }),
  );

  for (const stopMs of [2_000, 2_500])
    it(
      `hands over what the leader has assigned to another also while it stops (${stopMs} ms)`,
      marbles((helpers) => {
        const { table, start, run, workers } = fleetOf(helpers, leasables(2));
        const beat = java(table, 2);
        for (const shard of [0, 1]) table.put(shard, { leaseOwner: 'w1' });
        beat();
        run(8_000, {
          ...every(200, 8_000, beat),
          1: () => start('w1', { drainMs: 1_500 }),
          2_200: () => table.put(0, { leaseOwner: 'java', checkpointOwner: 'w1' }),
          [stopMs]: () => workers[0]!.stop(),
          3_000: () => expect(table.row(0), 'its work has not ended yet').to.include({ leaseOwner: 'java', checkpointOwner: 'w1' }),
        });
        expect(table.row(0)).to.include({ leaseOwner: 'java' }).and.not.to.have.property('checkpointOwner');
        expect(table.row(1)).not.to.have.property('leaseOwner');
        expect(newsOf(workers[0]!)).to.deep.equal(['granted', 'granted', 'complete']);
        expect(saidBy(table, 'w1', 'withdraw')).to.deep.equal([Math.floor(stopMs / 1_000)]);
      }),
    );

  it(
    'gives back what the leader is having handed over to it when it stops, and what was handed over at that moment',
    marbles((helpers) => {
      const { table, start, run, workers } = fleetOf(helpers, leasables(3));
      const beat = java(table, 3);
      beat();
      const give = (shard: number): void => table.put(shard, { leaseOwner: 'w1', checkpointOwner: 'java' });
      run(6_000, {
        ...every(200, 6_000, beat),
        1: () => start('w1', { lookIntervalMs: 400 }),
        2_000: () => [0, 1].forEach(give),
        2_500: () => {
          workers[0]!.stop();
          // The former owner has finished, and nobody has seen that yet.
          table.put(1, { checkpointOwner: undefined, leaseCounter: table.row(1)!.leaseCounter + 1 });
        },
      });
      expect(table.row(0)).to.include({ leaseOwner: 'java' }).and.not.to.have.property('checkpointOwner');
      expect(table.row(1)).not.to.have.property('leaseOwner');
      expect(table.row(2)).to.include({ leaseOwner: 'java' });
      expect(newsOf(workers[0]!)).to.deep.equal(['complete']);
    }),
  );

  for (const what of ['requests', 'replies'] as const)
    it(
      `gives it back also where the first ${what} are lost`,
      marbles((helpers) => {
        const { table, start, run, workers } = fleetOf(helpers, leasables(2));
        const beat = java(table, 2);
        beat();
        run(6_000, {
          ...every(200, 6_000, beat),
          1: () => start('w1', { lookIntervalMs: 400 }),
          2_000: () => table.put(0, { leaseOwner: 'w1', checkpointOwner: 'java' }),
          2_500: () => {
            table.cut('w1', what);
            workers[0]!.stop();
          },
          2_510: () => table.heal('w1'),
          3_000: () => expect(table.row(0)).to.include({ leaseOwner: 'java' }).and.not.to.have.property('checkpointOwner'),
        });
        expect(newsOf(workers[0]!)).to.deep.equal(['complete']);
      }),
    );

  it(
    'says in the rows how much is read of each shard, with renewals as with checkpoints: the leader balances by that',
    marbles((helpers) => {
      const { table, start, run, workers } = fleetOf(helpers, leasables(3));
      const beat = java(table, 3);
      const [renewed, checkpointed, unread] = [0, 1, 2];
      for (const shard of [renewed, checkpointed, unread]) table.put(shard, { leaseOwner: 'w1' });
      let sequenceNumber = 0;
      const read = ({ held, store }: FleetWorker): void => {
        for (const shard of [renewed, checkpointed]) held.get(shard)?.noteRead?.(1_024);
        if (held.has(checkpointed))
          from(store.write(checkpointOf(checkpointed, String(++sequenceNumber)), leasables(3)[checkpointed]!)).subscribe();
      };
      const step = (): void => {
        beat();
        workers.forEach(read);
      };
      run(4_000, {
        ...every(100, 4_000, step),
        1: () => start('w1'),
        3_000: () => {
          for (const shard of [renewed, checkpointed]) {
            expect((table.row(shard) as { throughputKBps?: number }).throughputKBps, `of ${shard}`).to.be.within(8, 12);
          }
        },
      });
      expect(table.row(unread)).not.to.have.property('throughputKBps');
    }),
  );

  it(
    'takes leases by itself where no leader lives',
    marbles((helpers) => {
      const { table, start, run, workers } = fleetOf(helpers, leasables(2));
      table.kcl3({ clientVersion: V3, leaderHeartbeat: 'the last one' });
      run(130_000, {
        1: () => start('w1'),
        119_000: () => expect(holdings(...workers)).to.deep.equal({ w1: [] }),
        125_000: () => expect(holdings(...workers)).to.deep.equal({ w1: [0, 1] }),
      });
    }),
  );

  it(
    'takes what is free while there is no leader, and steals nothing from Java workers, which the next leader will share',
    marbles((helpers) => {
      const { table, start, run, workers } = fleetOf(helpers, leasables(5));
      const beat = java(table, 4);
      const leaderless = (): void => {
        beat();
        table.kcl3({ clientVersion: V3 });
      };
      leaderless();
      run(30_000, { ...every(200, 30_000, leaderless), 1: () => start('w1') });
      expect(workers[0]!.news.map((text) => text.split(' ').slice(1).join(' '))).to.deep.equal(['granted 4']);
    }),
  );

  it(
    'takes leases by itself once a leader has been silent for as long as its row says',
    marbles((helpers) => {
      const { table, start, run, workers } = fleetOf(helpers, leasables(2));
      table.kcl3({ clientVersion: V3, leaderHeartbeat: 'the last one', leaderLeaseMs: 20_000 });
      run(30_000, {
        1: () => start('w1'),
        19_000: () => expect(holdings(...workers)).to.deep.equal({ w1: [] }),
        25_000: () => expect(holdings(...workers)).to.deep.equal({ w1: [0, 1] }),
      });
    }),
  );

  it(
    'takes leases by itself in the modes of KCL 2, and says that it is there',
    marbles((helpers) => {
      const { table, start, run, workers } = fleetOf(helpers, leasables(2));
      table.kcl3({ clientVersion: 'CLIENT_VERSION_UPGRADE_FROM_2X' });
      run(1_000, { 1: () => start('w1') });
      expect(saidBy(table, 'w1', 'publish')).to.deep.equal([0]);
      expect(workers[0]!.news).to.have.length(2);
    }),
  );

  it(
    'says nothing in a table that KCL 3 has not put such rows into',
    marbles((helpers) => {
      const { table, start, run, workers } = fleetOf(helpers, leasables(2));
      run(40_000, {
        1: () => start('w1'),
        ...every(100, 35_000, () => workers[0]?.held.get(0)?.noteRead?.(1_024)),
        35_000: () => workers[0]!.stop(),
      });
      expect(table.log.filter((line) => /publish|withdraw/.test(line))).to.deep.equal([]);
      expect(table.row(0)).not.to.have.property('throughputKBps');
    }),
  );
});

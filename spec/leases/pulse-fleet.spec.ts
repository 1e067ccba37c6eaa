import { expect } from 'chai';
import { defer, NEVER, of, throwError, type Observable } from 'rxjs';
import type { LeaseRow } from '../../lib/leases/lease.js';
import type { LeaseUpdate } from '../../lib/leases/lease-updates.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import { leasable } from '../support/lease-fleet.js';
import { leaseRow } from '../support/lease-rows.js';
import { FAILOVER_MS, linesOf, PulseFleet, type Faults, type PulseWorker } from '../support/pulse-fleet.js';

const fresh = { leaseCounter: 0, checkpoint: { sequenceNumber: 'TRIM_HORIZON', subSequenceNumber: 0 } };
const throttled = (): Observable<never> => throwError(() => Object.assign(new Error('no'), { name: 'ThrottlingException' }));
const timesOf = (lines: readonly string[]): number[] => lines.map((line) => Number(line.split(' ')[0]));
const grants = (workers: readonly PulseWorker[], from: number): number[] =>
  workers.flatMap(({ told }) => timesOf(linesOf(told, 'granted', from)));
const losses = (workers: readonly PulseWorker[]): string[] => workers.flatMap(({ told }) => linesOf(told, 'lost'));
const keys = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const allHeld = (fleet: PulseFleet): number[] => fleet.workers.flatMap(({ held }) => [...held.keys()]).sort((a, b) => a - b);
const lowest = ({ held }: PulseWorker): number => Math.min(...held.keys());
/** The rows whose last write was a pulse of this worker. */
const pulsing = (fleet: PulseFleet, { id }: PulseWorker): number[] =>
  keys(fleet.table.rows.all().length).filter((shard) => {
    const { gracefulOwner, leaseOwner, pulse, leaseCounter } = fleet.row(shard);
    return gracefulOwner === id && leaseOwner === id && pulse === leaseCounter;
  });

describe('the pulses of a small fleet', () => {
  for (const count of [2, 3, 4, 6])
    for (const isWatcher of [true, false])
      for (const at of [5_000, 5_170])
        it(
          `show that ${isWatcher ? 'the worker that watches' : 'one of the others'} of ${count} was killed, soon after the failover time (${at} ms)`,
          marbles(({ scheduler, flush }) => {
            const fleet = new PulseFleet(scheduler, 12);
            let gone: PulseWorker | undefined;
            let theirs = 0;
            fleet.run(flush, at + 6_000, {
              0: () => keys(count).forEach((i) => fleet.start(`w${i}`)),
              [at]: () => {
                gone = fleet.workers.find(({ held }) => held.has(0) === isWatcher)!;
                theirs = gone.held.size;
                gone.kill();
              },
              [at + 3_000]: () => expect(allHeld(fleet)).to.deep.equal(keys(12)),
            });
            const others = fleet.workers.filter((worker) => worker !== gone);
            const taken = grants(others, at);
            expect(taken).to.have.length(theirs);
            // A renewal was due at most a third of it before.
            expect(Math.min(...taken) - at).to.be.above(FAILOVER_MS * (2 / 3));
            expect(Math.max(...taken) - at).to.be.below(FAILOVER_MS * (1 + 1 / 7) + 60);
            expect(fleet.doubles).to.deep.equal([]);
            expect(losses(others)).to.deep.equal([]);
          }),
        );

  for (const isSecond of [false, true])
    it(
      `show as soon that two were killed at once, ${isSecond ? 'the second worker that watches' : 'the first worker that watches'} and another one`,
      marbles(({ scheduler, flush }) => {
        const fleet = new PulseFleet(scheduler, 12);
        let gone: PulseWorker[] = [];
        fleet.run(flush, 11_000, {
          0: () => keys(6).forEach((i) => fleet.start(`w${i}`)),
          5_000: () => {
            const [first, second, third] = [...fleet.workers].sort((a, b) => lowest(a) - lowest(b));
            gone = [isSecond ? second! : first!, third!];
            gone.forEach((worker) => worker.kill());
          },
          8_000: () => expect(allHeld(fleet)).to.deep.equal(keys(12)),
        });
        const others = fleet.workers.filter((worker) => !gone.includes(worker));
        expect(Math.max(...grants(others, 5_000)) - 5_000).to.be.below(FAILOVER_MS * (1 + 1 / 7) + 60);
        expect(fleet.doubles).to.deep.equal([]);
        expect(losses(others)).to.deep.equal([]);
      }),
    );

  it(
    'are read in place of the table, which each worker then scans less often than KCL does',
    marbles(({ scheduler, flush }) => {
      const fleet = new PulseFleet(scheduler, 8);
      fleet.run(flush, 62_000, { 0: () => keys(3).forEach((i) => fleet.start(`w${i}`)) });
      for (const worker of fleet.workers) {
        expect(linesOf(worker.sent, 'scan', 2_000, 62_000).length, 'one in two failover times is KCL’s').to.be.within(20, 29);
        expect(linesOf(worker.sent, 'consistent scan', 2_000)).to.deep.equal([]);
        // A write in a third of the failover time for each lease, and none for the pulse.
        const writes = linesOf(worker.sent, 'update', 2_000).length;
        expect(writes).to.be.at.most((60 * 3 + 1) * [2, 3, 3].reduce((most, count) => Math.max(most, count)));
        expect(linesOf(worker.told, 'lost')).to.deep.equal([]);
      }
    }),
  );

  it(
    'are each in the row with the lowest key that its worker holds, and move when that row is released, ended or taken',
    marbles(({ scheduler, flush }) => {
      const fleet = new PulseFleet(scheduler, 9);
      const expectLowest = () =>
        fleet.workers.forEach((worker) => expect(pulsing(fleet, worker), worker.id).to.deep.equal([lowest(worker)]));
      fleet.run(flush, 12_000, {
        0: () => keys(3).forEach((i) => fleet.start(`w${i}`)),
        3_000: expectLowest,
        3_001: () => fleet.workers[0]!.release(lowest(fleet.workers[0]!)),
        5_000: expectLowest,
        // A worker of KCL takes one, and gives it back.
        5_001: () => fleet.put(lowest(fleet.workers[1]!), { leaseOwner: 'java', leaseCounter: 900 }),
        6_000: () => {
          const taken = fleet.table.rows.all().find(({ leaseOwner }) => leaseOwner === 'java')!;
          fleet.put(Number(taken.leaseKey.slice(-12)), { leaseOwner: undefined, leaseCounter: 901 });
        },
        9_000: expectLowest,
      });
      expect(fleet.doubles).to.deep.equal([]);
      expect(losses(fleet.workers)).to.have.length(1);
    }),
  );

  it(
    'cost no consistent look while all are alive, also of workers that look seldom',
    marbles(({ scheduler, flush }) => {
      const fleet = new PulseFleet(scheduler, 12);
      fleet.run(flush, 30_000, { 0: () => keys(5).forEach((i) => fleet.start(`w${i}`)) });
      expect(fleet.workers.flatMap(({ sent }) => linesOf(sent, 'consistent scan'))).to.deep.equal([]);
      for (const { sent } of fleet.workers) expect(linesOf(sent, 'scan', 3_000).length).to.be.above(2);
    }),
  );

  it(
    'that were in a row which a worker of KCL has taken are not missed: nobody takes the other rows of the worker',
    marbles(({ scheduler, flush }) => {
      const fleet = new PulseFleet(scheduler, 9);
      let java = 900;
      const renew = () =>
        fleet.table.rows.all().forEach((row) => {
          if (row.leaseOwner === 'java') fleet.table.rows.put({ ...row, leaseCounter: java++ });
        });
      fleet.run(flush, 9_000, {
        0: () => keys(3).forEach((i) => fleet.start(`w${i}`)),
        4_000: () => fleet.put(lowest(fleet.workers[0]!), { leaseOwner: 'java', leaseCounter: java++ }),
        ...Object.fromEntries(keys(12).map((i) => [4_300 + i * 300, renew])),
      });
      expect(fleet.doubles).to.deep.equal([]);
      expect(losses(fleet.workers)).to.have.length(1);
    }),
  );

  it(
    'that were in a row which another worker was given are not missed either',
    marbles(({ scheduler, flush }) => {
      const fleet = new PulseFleet(scheduler, 9);
      fleet.run(flush, 9_000, {
        0: () => keys(3).forEach((i) => fleet.start(`w${i}`)),
        // The newcomers ask for some of all leases, also for those that have the pulses.
        3_000: () => fleet.start('w4'),
        5_000: () => fleet.start('w5'),
      });
      expect(fleet.doubles).to.deep.equal([]);
      expect(losses(fleet.workers)).to.deep.equal([]);
    }),
  );

  it(
    'move when the row is throttled for good: only its own lease is lost',
    marbles(({ scheduler, flush }) => {
      const fleet = new PulseFleet(scheduler, 9);
      let bad: string | undefined;
      const faults: Faults = (port) => ({ update: (key, update) => (key === bad ? throttled() : port.update(key, update)) });
      fleet.run(flush, 9_000, {
        0: () => keys(3).forEach((i) => fleet.start(`w${i}`, i === 0 ? faults : undefined)),
        4_000: () => (bad = leasable(lowest(fleet.workers[0]!)).shardId),
      });
      expect(fleet.doubles).to.deep.equal([]);
      const lost = new Set(losses(fleet.workers).map((line) => line.split(' ')[2]));
      expect([...lost]).to.deep.equal([String(Number(bad!.slice(-12)))]);
    }),
  );

  for (const until of [11_100, 12_000, 12_900])
    it(
      `do not hide that a worker holds one of its leases no more: it takes it again soon after its row can be written (${until} ms)`,
      marbles(({ scheduler, flush }) => {
        const fleet = new PulseFleet(scheduler, 36);
        const bad = { key: '' };
        const faults: Faults = (port) => ({
          update: (key, update) => defer(() => (key === bad.key && scheduler.now() < until ? throttled() : port.update(key, update))),
        });
        const last = ({ held }: PulseWorker): number => Math.max(...held.keys());
        fleet.run(flush, 16_000, {
          0: () => keys(6).forEach((i) => fleet.start(`w${i}`, faults)),
          5_000: () => (bad.key = leasable(last(fleet.workers.find(({ held }) => !held.has(0))!)).shardId),
          8_000: () => expect(allHeld(fleet)).to.have.length(35),
        });
        const shard = Number(bad.key.slice(-12));
        const again = fleet.workers.flatMap(({ told }) => timesOf(linesOf(told, `granted ${shard}`, 6_000)));
        expect(Math.min(...again)).to.be.within(until, until + FAILOVER_MS * 0.6);
        // The wait between the tries grows, and the other workers go on as usual.
        const looks = fleet.workers.map(({ sent }) => linesOf(sent, 'scan', 8_000, 11_000).length);
        expect(Math.max(...looks)).to.be.below(12);
        expect(fleet.doubles).to.deep.equal([]);
      }),
    );

  it(
    'that cannot be written any more end all leases of the worker before others take them, also one that was written lately',
    marbles(({ scheduler, flush }) => {
      const fleet = new PulseFleet(scheduler, 9);
      let first: PulseWorker | undefined;
      let other = -1;
      fleet.run(flush, 9_000, {
        0: () => keys(3).forEach((i) => fleet.start(`w${i}`)),
        4_000: () => {
          first = fleet.workers[0]!;
          other = Math.max(...first.held.keys());
        },
        // The renewals are due at the same tick, unless there was a checkpoint.
        ...Object.fromEntries(keys(20).map((i) => [4_001 + i * 15, () => first!.checkpoint(other, String(i + 1))])),
        4_300: () => (first!.link.isCut = true),
      });
      const lost = timesOf(linesOf(first!.told, 'lost'));
      expect(lost.length).to.equal(3);
      const taken = grants(fleet.workers.slice(1), 4_300);
      expect(Math.max(...lost)).to.be.below(Math.min(...taken));
      expect(fleet.doubles).to.deep.equal([]);
    }),
  );

  it(
    'that fail alone are carried by any other write of the worker, until one succeeds',
    marbles(({ scheduler, flush }) => {
      const fleet = new PulseFleet(scheduler, 9);
      let fails = 0;
      // Of the writes that are pulses one in two fails.
      const faults: Faults = (port) => ({
        update: (key, update: LeaseUpdate) =>
          update.set.pulse !== undefined && fails++ % 2 > 0 && linesOf(fleet.workers[0]!.told, 'granted').length > 2
            ? throttled()
            : port.update(key, update),
      });
      fleet.run(flush, 20_000, { 0: () => keys(3).forEach((i) => fleet.start(`w${i}`, i === 0 ? faults : undefined)) });
      expect(fleet.doubles).to.deep.equal([]);
      expect(losses(fleet.workers)).to.deep.equal([]);
    }),
  );

  for (const ms of [1_100, 2_500])
    it(
      `stand still with the process: after ${ms} ms it writes nothing more of what it had`,
      marbles(({ scheduler, flush }) => {
        const fleet = new PulseFleet(scheduler, 9);
        let before: number[] = [];
        fleet.run(flush, 9_000, {
          0: () => keys(3).forEach((i) => fleet.start(`w${i}`)),
          4_000: () => {
            before = [...fleet.workers[0]!.held.keys()];
            fleet.pause(fleet.workers[0]!, ms);
          },
          [4_001 + ms]: () => {
            expect(fleet.workers[0]!.held.size, 'all are lost at once').to.equal(0);
            before.forEach((shard) => fleet.workers[0]!.checkpoint(shard, '1'));
          },
        });
        const [first, ...others] = fleet.workers as [PulseWorker, ...PulseWorker[]];
        expect(linesOf(first.told, 'lost').length).to.equal(before.length);
        expect(fleet.table.checkpoints).to.deep.equal([]);
        if (ms > 2_000) expect(grants(others, 4_000).length).to.be.at.least(before.length);
        expect(fleet.doubles).to.deep.equal([]);
      }),
    );

  it(
    'of a worker that is started again under its name go on: nobody takes its leases',
    marbles(({ scheduler, flush }) => {
      const fleet = new PulseFleet(scheduler, 9);
      fleet.run(flush, 9_000, {
        0: () => keys(3).forEach((i) => fleet.start(`w${i}`)),
        4_000: () => fleet.workers[0]!.kill(),
        4_600: () => {
          // The row with the old pulse is the last that it can take.
          const old = leasable(pulsing(fleet, fleet.workers[0]!)[0]!).shardId;
          let left = 4_900;
          fleet.start('w0', (port) => ({
            update: (key, update) =>
              key === old && scheduler.now() < (left += 100) && scheduler.now() < 6_500 ? throttled() : port.update(key, update),
          }));
        },
      });
      expect(fleet.doubles).to.deep.equal([]);
      expect(losses(fleet.workers).length).to.be.at.most(1);
    }),
  );

  for (const [name, fault] of [
    ['fail', throttled],
    ['are never answered', () => NEVER],
  ] as const)
    it(
      `whose reads ${name} are replaced by looks at the table`,
      marbles(({ scheduler, flush }) => {
        const fleet = new PulseFleet(scheduler, 9);
        fleet.run(flush, 9_000, {
          0: () => keys(3).forEach((i) => fleet.start(`w${i}`, () => ({ peek: fault }))),
          4_000: () => fleet.workers[0]!.kill(),
          // The timeout of a request, once more than a look.
          [4_000 + 1_600]: () => expect(allHeld(fleet)).to.deep.equal(keys(9)),
        });
        expect(fleet.doubles).to.deep.equal([]);
        for (const worker of fleet.workers.slice(1)) expect(linesOf(worker.sent, 'scan', 2_000, 4_000).length).to.be.within(4, 16);
      }),
    );

  it(
    'that seem to stand still, where reads miss the latest writes, are read consistently before anything is taken',
    marbles(({ scheduler, flush }) => {
      const fleet = new PulseFleet(scheduler, 9);
      let stale: readonly LeaseRow[] | undefined;
      const faults: Faults = (port) => ({
        scan: (isConsistent) => (stale && !isConsistent ? of({ leases: stale, unreadable: [] }) : port.scan(isConsistent)),
        peek: (key) => (stale ? of(stale.find(({ leaseKey }) => leaseKey === key)) : port.peek(key)),
      });
      fleet.run(flush, 9_000, {
        0: () => keys(3).forEach((i) => fleet.start(`w${i}`, i === 0 ? faults : undefined)),
        4_000: () => (stale = fleet.table.rows.all()),
        5_300: () => (stale = undefined),
      });
      expect(linesOf(fleet.workers[0]!.sent, 'consistent scan', 4_000)).not.to.deep.equal([]);
      expect(fleet.doubles).to.deep.equal([]);
      expect(losses(fleet.workers)).to.deep.equal([]);
      expect(grants(fleet.workers, 4_000)).to.deep.equal([]);
    }),
  );

  for (const isBesideJava of [false, true])
    it(
      `decide ${isBesideJava ? 'nothing beside workers of KCL, which take rows from workers that are alive' : 'for all rows of a worker'}`,
      marbles(({ scheduler, flush }) => {
        const fleet = new PulseFleet(scheduler, 3);
        const give = (shard: number, owner: string): void =>
          fleet.put(shard, { leaseOwner: owner, gracefulOwner: isBesideJava && shard === 2 ? undefined : owner, leaseCounter: 1 });
        // One that writes no pulse any more, against its promise, and renews its other row.
        const renew = (): void =>
          [1, 2].forEach((shard) => {
            const { leaseOwner, leaseCounter } = fleet.row(shard);
            if (leaseOwner !== 'w0') fleet.put(shard, { leaseCounter: leaseCounter + 1 });
          });
        fleet.run(flush, 6_000, {
          0: () => keys(3).forEach((shard) => fleet.table.rows.create({ ...leasable(shard), leaseKey: leasable(shard).shardId, ...fresh })),
          1: () => {
            give(0, 'other');
            fleet.put(0, { pulse: 1 });
            give(1, 'other');
            give(2, isBesideJava ? 'java' : 'third');
            if (!isBesideJava) fleet.put(2, { pulse: 1 });
          },
          2: () =>
            fleet.start('w0', undefined, {
              assignment: ({ leases }) => leases.flatMap((one) => (one.owner === undefined ? one.leaseKey : [])),
            }),
          ...Object.fromEntries(keys(18).map((i) => [100 + i * 300, renew])),
        });
        const taken = linesOf(fleet.workers[0]!.told, 'granted').map((line) => Number(line.split(' ')[2]));
        expect(taken.includes(0)).to.equal(true);
        expect(taken.includes(1)).to.equal(!isBesideJava);
      }),
    );

  it(
    'go on where the table is deleted and made again',
    marbles(({ scheduler, flush }) => {
      const fleet = new PulseFleet(scheduler, 9);
      fleet.run(flush, 9_000, {
        0: () => keys(3).forEach((i) => fleet.start(`w${i}`)),
        4_000: () => fleet.table.rows.all().forEach(({ leaseKey }) => fleet.table.rows.delete(leaseKey)),
        6_000: () => {
          // Some may have been handed over meanwhile, by workers that saw the rows of only a few.
          expect(allHeld(fleet)).to.deep.equal(keys(9));
          fleet.workers.forEach((worker) => expect(pulsing(fleet, worker)).to.deep.equal([lowest(worker)]));
        },
      });
      expect(fleet.doubles).to.deep.equal([]);
      expect(losses(fleet.workers)).to.deep.equal([]);
    }),
  );

  for (const [what, shard, at] of [
    ['has ended', 8, 'SHARD_END'],
    ['the stream has no more', 20, 'TRIM_HORIZON'],
  ] as const)
    it(
      `are not waited for in the row of a shard that ${what}, which a worker left behind that is gone`,
      marbles(({ scheduler, flush }) => {
        const fleet = new PulseFleet(scheduler, 9);
        const owners = { leaseOwner: 'gone', gracefulOwner: 'gone', leaseCounter: 5, pulse: 5 };
        fleet.table.rows.put(leaseRow(leasable(shard).shardId, { at, ...owners }));
        fleet.run(flush, 13_000, {
          0: () => keys(3).forEach((i) => fleet.start(`w${i}`)),
          10_000: () => fleet.workers[2]!.kill(),
        });
        for (const { sent } of fleet.workers) {
          // The bell's row 20 times in a failover time, and two pulses 7 times each.
          expect(linesOf(sent, 'peek', 5_000, 10_000).length).to.be.below(5 * 35);
          expect(linesOf(sent, 'consistent scan', 0, 10_000)).to.deep.equal([]);
        }
        expect(Math.max(...grants(fleet.workers, 10_000)) - 10_000).to.be.below(FAILOVER_MS * (1 + 1 / 7) + 60);
        expect(fleet.doubles).to.deep.equal([]);
      }),
    );

  it(
    'decide for all rows of a worker also beside the row of a shard that ended while it was being handed over',
    marbles(({ scheduler, flush }) => {
      const fleet = new PulseFleet(scheduler, 9);
      const owners = { leaseOwner: 'next', gracefulOwner: 'former', leaseCounter: 5 };
      fleet.table.rows.put(leaseRow(leasable(8).shardId, { at: 'SHARD_END', ...owners }));
      let written = 0;
      const write = () => {
        const { held, checkpoint } = fleet.workers[2]!;
        held.forEach((_, shard) => shard !== Math.min(...held.keys()) && checkpoint(shard, String(++written)));
      };
      fleet.run(flush, 13_000, {
        0: () => keys(3).forEach((i) => fleet.start(`w${i}`)),
        ...Object.fromEntries(keys(40).map((i) => [5_000 + i * 100, write])),
        // The other rows were written just now, so only the pulse shows that it is gone as soon as that.
        9_001: () => fleet.workers[2]!.kill(),
      });
      const taken = fleet.workers.slice(0, 2).flatMap(({ told }) => linesOf(told, 'granted', 9_001));
      expect(Math.max(...timesOf(taken)) - 9_001).to.be.below(FAILOVER_MS * (1 + 1 / 7) + 60);
      expect(fleet.doubles).to.deep.equal([]);
    }),
  );

  it(
    'are no reason to take anything for a worker that begins in the middle',
    marbles(({ scheduler, flush }) => {
      const fleet = new PulseFleet(scheduler, 9);
      fleet.run(flush, 9_000, {
        0: () => fleet.start('w0'),
        4_000: () => fleet.workers[0]!.kill(),
        4_500: () => fleet.start('w1'),
      });
      expect(grants(fleet.workers.slice(1), 0)).to.have.length(9);
      expect(Math.min(...grants(fleet.workers.slice(1), 0))).to.be.within(4_500 + FAILOVER_MS, 4_500 + FAILOVER_MS + 100);
      expect(fleet.doubles).to.deep.equal([]);
    }),
  );
});

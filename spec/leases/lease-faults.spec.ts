import { expect } from 'chai';
import { concat, defer, delay, ignoreElements, NEVER, throwError, timer, type Observable } from 'rxjs';
import type { LeasableShard } from '../../lib/checkpoints/checkpoint-store.js';
import type { LeaseEvent, LeaseRequestFailedEvent } from '../../lib/monitoring/lease-events.js';
import type { LeaseUpdate } from '../../lib/leases/lease-updates.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import { leasable, leasables } from '../support/lease-fleet.js';
import { FAILOVER_MS, linesOf, PulseFleet, type Faults, type PulseWorker } from '../support/pulse-fleet.js';

const throttled = (): Observable<never> => throwError(() => Object.assign(new Error('no'), { name: 'ThrottlingException' }));
const timesOf = (lines: readonly string[]): number[] => lines.map((line) => Number(line.split(' ')[0]));
const losses = (workers: readonly PulseWorker[]): string[] => workers.flatMap(({ told }) => linesOf(told, 'lost'));
const grantsOf = (workers: readonly PulseWorker[], shard: number, from: number): number[] =>
  workers.flatMap(({ told }) => timesOf(linesOf(told, `granted ${shard}`, from))).sort((a, b) => a - b);
const keys = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const allHeld = ({ workers }: PulseFleet): number[] => workers.flatMap(({ held }) => [...held.keys()]).sort((a, b) => a - b);
const [lowest, highest] = [Math.min, Math.max].map(
  (of) =>
    ({ held }: PulseWorker) =>
      of(...held.keys()),
) as [(worker: PulseWorker) => number, (worker: PulseWorker) => number];
/** Request timeouts of the fleet: a fifth of the failover time. */
const ALMOST_MS = FAILOVER_MS / 5 - 10;

describe('a ring that fails', () => {
  const seldom = { lookIntervalMs: 60_000 };

  it(
    'is made again: nobody waits for a look to take what was released',
    marbles(({ scheduler, flush }) => {
      const fleet = new PulseFleet(scheduler, 36);
      const healedMs = 6_200;
      let isBroken = false;
      const faults: Faults = (port) => ({ ring: (key) => defer(() => (isBroken ? throttled() : port.ring(key))) });
      let shard = -1;
      fleet.run(flush, 9_000, {
        0: () => keys(6).forEach((i) => fleet.start(`w${i}`, faults, seldom)),
        5_000: () => {
          isBroken = true;
          const worker = fleet.workers[0]!;
          shard = highest(worker);
          worker.release(shard);
        },
        [healedMs]: () => (isBroken = false),
      });
      const [again] = grantsOf(fleet.workers, shard, 5_000);
      expect(again).to.be.within(healedMs, healedMs + FAILOVER_MS * 0.6);
      expect(fleet.doubles).to.deep.equal([]);
    }),
  );

  it(
    'for good delays no hand-over by more than a third of the failover time: the worker that asked looks by itself',
    marbles(({ scheduler, flush }) => {
      const fleet = new PulseFleet(scheduler, 36);
      const faults: Faults = () => ({ ring: throttled });
      fleet.run(flush, 9_000, {
        0: () => keys(5).forEach((i) => fleet.start(`w${i}`, faults, seldom)),
        3_000: () => expect(allHeld(fleet)).to.deep.equal(keys(36)),
        5_000: () => fleet.start('joins', faults, seldom),
        5_800: () => {
          expect(fleet.workers.at(-1)!.held.size).to.equal(6);
          expect(allHeld(fleet)).to.deep.equal(keys(36));
        },
      });
      expect(fleet.doubles).to.deep.equal([]);
      expect(losses(fleet.workers)).to.deep.equal([]);
    }),
  );

  it(
    'does not hold up a worker that stops',
    marbles(({ scheduler, flush }) => {
      const fleet = new PulseFleet(scheduler, 12);
      const faults: Faults = () => ({ ring: throttled });
      fleet.run(flush, 4_000, {
        0: () => fleet.start('w0', faults),
        2_000: () => fleet.workers[0]!.stop(),
        2_020: () => expect(fleet.workers[0]!.told.at(-1)).to.match(/^20\d\d complete$/),
      });
    }),
  );
});

describe('the reply of a release', () => {
  for (const [what, losesAll] of [
    ['that is lost', false],
    ['that is lost with its request', true],
  ] as const)
    it(
      `${what} is asked for again: others are called to the lease, which is not reported as lost`,
      marbles(({ scheduler, flush }) => {
        const fleet = new PulseFleet(scheduler, 36);
        let [isBroken, shard] = [false, -1];
        const isRelease = ({ remove = [] }: LeaseUpdate): boolean => remove.includes('leaseOwner');
        const faults: Faults = (port) => ({
          update: (key, update) => {
            if (!isBroken || !isRelease(update)) return port.update(key, update);
            isBroken = false;
            return losesAll ? NEVER : concat(port.update(key, update).pipe(ignoreElements()), NEVER);
          },
        });
        fleet.run(flush, 9_000, {
          0: () => keys(6).forEach((i) => fleet.start(`w${i}`, i === 0 ? faults : undefined)),
          5_000: () => {
            isBroken = true;
            shard = highest(fleet.workers[0]!);
            fleet.workers[0]!.release(shard);
          },
        });
        expect(isBroken).to.equal(false);
        const [again] = grantsOf(fleet.workers, shard, 5_000);
        expect(again).to.be.within(5_000, 5_000 + FAILOVER_MS / 5 + FAILOVER_MS / 10);
        expect(losses(fleet.workers)).to.deep.equal([]);
        expect(fleet.doubles).to.deep.equal([]);
      }),
    );

  it(
    'that hands a lease over may be lost: the next worker has it soon all the same',
    marbles(({ scheduler, flush }) => {
      const fleet = new PulseFleet(scheduler, 12);
      const isHandOver = ({ when }: LeaseUpdate): boolean => when.checkpointOwner === 'w0' && when.leaseOwner !== undefined;
      const lost = new Set<string>();
      const faults: Faults = (port) => ({
        update: (key, update) => {
          if (!isHandOver(update) || lost.has(key)) return port.update(key, update);
          lost.add(key);
          return concat(port.update(key, update).pipe(ignoreElements()), NEVER);
        },
      });
      fleet.run(flush, 6_000, {
        0: () => fleet.start('w0', faults),
        2_000: () => fleet.start('w1'),
        2_800: () => {
          expect(fleet.workers.map(({ held }) => held.size)).to.deep.equal([6, 6]);
          expect(allHeld(fleet)).to.deep.equal(keys(12));
        },
      });
      expect(lost.size).to.equal(6);
      expect(losses(fleet.workers)).to.deep.equal([]);
      expect(fleet.doubles).to.deep.equal([]);
    }),
  );
});

describe('the row that has the pulse', () => {
  it(
    'costs no other lease where it answers just in time, and others keep changing it',
    marbles(({ scheduler, flush }) => {
      const fleet = new PulseFleet(scheduler, 9);
      let bad: string | undefined;
      const slow = <T>(key: string, request: Observable<T>): Observable<T> =>
        key === bad ? timer(ALMOST_MS / 2).pipe(ignoreElements(), (wait) => concat(wait, request), delay(ALMOST_MS / 2 - 2)) : request;
      // Somebody asks for the lease and takes that back, each time just before the write arrives.
      const toggle = (key: string): void => {
        const { gracefulOwner, leaseOwner, checkpointOwner } = fleet.table.rows.get(key)!;
        if (gracefulOwner !== 'w0' || (checkpointOwner ?? leaseOwner) !== 'w0') return;
        const asked =
          checkpointOwner === undefined ? { leaseOwner: 'asks', checkpointOwner: 'w0' } : { leaseOwner: 'w0', checkpointOwner: undefined };
        fleet.put(Number(key.slice(-12)), asked);
      };
      const faults: Faults = (port) => ({
        get: (key) => slow(key, port.get(key)),
        update: (key, update) =>
          slow(
            key,
            defer(() => {
              if (key === bad) toggle(key);
              return port.update(key, update);
            }),
          ),
      });
      fleet.run(flush, 9_000, {
        0: () => keys(3).forEach((i) => fleet.start(`w${i}`, i === 0 ? faults : undefined)),
        4_000: () => (bad = leasable(lowest(fleet.workers[0]!)).shardId),
        6_500: () => (bad = undefined),
      });
      const lost = new Set(losses(fleet.workers).map((line) => line.split(' ')[2]));
      expect(lost.size, [...lost].join()).to.be.at.most(1);
      expect(fleet.doubles).to.deep.equal([]);
    }),
  );

  const family = (shard: LeasableShard): readonly LeasableShard[] => {
    const { startingHashKey, endingHashKey } = shard.hashKeyRange!;
    const middle = (BigInt(startingHashKey) + BigInt(endingHashKey)) / 2n;
    return [
      leasable(30, { parentShardIds: [shard.shardId], hashKeyRange: { startingHashKey, endingHashKey: String(middle) } }),
      leasable(31, { parentShardIds: [shard.shardId], hashKeyRange: { startingHashKey: String(middle + 1n), endingHashKey } }),
    ];
  };

  for (const slowMs of [0, ALMOST_MS])
    it(
      `may be that of a shard that ends, while its worker holds others (children's rows are made in ${slowMs} ms each)`,
      marbles(({ scheduler, flush }) => {
        const fleet = new PulseFleet(scheduler, 12);
        let isSlow = false;
        const faults: Faults = (port) => ({ create: (lease) => (isSlow ? port.create(lease).pipe(delay(slowMs)) : port.create(lease)) });
        let [shard, others] = [-1, [] as number[]];
        const ends = (): PulseWorker => fleet.workers[0]!;
        fleet.run(flush, 12_000, {
          0: () => keys(3).forEach((i) => fleet.start(`w${i}`, faults, { requestTimeoutMs: FAILOVER_MS })),
          4_000: () => {
            isSlow = true;
            shard = lowest(ends());
            others = [...ends().held.keys()].filter((key) => key !== shard);
            const parent = leasables(12)[shard]!;
            ends().end({ ...parent, childShards: family(parent) });
          },
          7_000: () => {
            expect(fleet.row(shard).checkpoint.sequenceNumber).to.equal('SHARD_END');
            expect([...ends().held.keys()]).to.include.members(others);
            const pulses = others.filter((key) => fleet.row(key).pulse === fleet.row(key).leaseCounter);
            expect(pulses).to.deep.equal([Math.min(...others)]);
          },
          8_000: () => ends().kill(),
        });
        expect(losses(fleet.workers)).to.deep.equal([]);
        expect(fleet.doubles).to.deep.equal([]);
        const taken = others.map((key) => grantsOf(fleet.workers.slice(1), key, 8_000)[0]! - 8_000);
        expect(Math.min(...taken)).to.be.above(FAILOVER_MS * (2 / 3));
        expect(Math.max(...taken)).to.be.below(FAILOVER_MS * (1 + 1 / 7) + 60);
      }),
    );

  it(
    'may be that of a shard whose end takes too long: its lease is lost, and no other',
    marbles(({ scheduler, flush }) => {
      const fleet = new PulseFleet(scheduler, 12);
      let shard = -1;
      const faults: Faults = (port) => ({
        create: (lease) => (shard < 0 ? port.create(lease) : port.create(lease).pipe(delay(FAILOVER_MS / 2))),
      });
      fleet.run(flush, 8_000, {
        0: () => keys(3).forEach((i) => fleet.start(`w${i}`, faults, { requestTimeoutMs: FAILOVER_MS })),
        4_000: () => {
          shard = lowest(fleet.workers[0]!);
          const parent = leasables(12)[shard]!;
          fleet.workers[0]!.end({ ...parent, childShards: family(parent) });
        },
      });
      expect(new Set(losses(fleet.workers).map((line) => line.split(' ')[2]))).to.deep.equal(new Set([String(shard)]));
      expect(fleet.doubles).to.deep.equal([]);
    }),
  );
});

describe('rows that cannot be made', () => {
  it(
    'are tried again later each time, and as usual once they could be made',
    marbles(({ scheduler, flush }) => {
      const fleet = new PulseFleet(scheduler, 4);
      const healedMs = 20 * FAILOVER_MS;
      const failures: LeaseRequestFailedEvent[] = [];
      const faults: Faults = (port) => ({ create: (lease) => (scheduler.now() < healedMs ? throttled() : port.create(lease)) });
      const events = { next: (event: LeaseEvent) => void (event.type === 'leaseRequestFailed' && failures.push(event)) };
      fleet.run(flush, healedMs + 3 * FAILOVER_MS, {
        0: () => fleet.start('w0', faults, { events }),
        [healedMs + 2 * FAILOVER_MS]: () => expect(allHeld(fleet)).to.deep.equal(keys(4)),
      });
      expect(failures.map(({ action, reason, attempt }) => ({ action, reason, attempt }))).to.deep.equal(
        failures.map((_, i) => ({ action: 'keep', reason: 'throttling', attempt: i + 1 })),
      );
      const waits = failures.slice(1).map(({ at }, i) => at - failures[i]!.at);
      expect(Math.min(...waits.slice(-10))).to.be.within(FAILOVER_MS / 2, FAILOVER_MS);
    }),
  );
});

describe('a clock that is set forward', () => {
  for (const lateMs of keys(9).map((i) => i * 10))
    it(
      `shows nobody a lease as expired before its holder, which cannot reach the table, has given it up (${lateMs} ms after a tick)`,
      marbles(({ scheduler, flush }) => {
        const fleet = new PulseFleet(scheduler, 8);
        fleet.run(flush, 9_000, {
          // They look often, so they see each renewal at once.
          0: () => keys(3).forEach((i) => fleet.start(`w${i}`, undefined, { lookIntervalMs: 10 })),
          4_000: () => (fleet.workers[0]!.link.isCut = true),
          [4_100 + lateMs]: () => fleet.workers.slice(1).forEach(({ machine }) => (machine.aheadMs += 3_600_000)),
          7_000: () => expect(allHeld(fleet)).to.deep.equal(keys(8)),
        });
        expect(linesOf(fleet.workers[0]!.told, 'lost')).not.to.deep.equal([]);
        expect(fleet.doubles).to.deep.equal([]);
      }),
    );
});

import { expect } from 'chai';
import { defer, delay, of, type SchedulerLike } from 'rxjs';
import { LookPace } from '../../lib/leases/look-pace.js';
import { lookIntervalMs } from '../../lib/leases/lookIntervalMs.js';
import type { TableView } from '../../lib/leases/lease-port.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import { linesOf, PulseFleet, type Faults } from '../support/pulse-fleet.js';

const F = 10_000;
const pace = (random = 1): LookPace => new LookPace({ failoverTimeMs: F, random: () => random });
const refused = { hasFailed: false, isRefused: true, hasGrants: false, isPutOff: false };
const failed = { hasFailed: true, isRefused: false, hasGrants: false, isPutOff: false };
const fine = { hasFailed: false, isRefused: false, hasGrants: false, isPutOff: false };

describe('LookPace', () => {
  it('waits as usual while nothing is wrong', () => {
    const steady = pace();
    steady.noteSteps(fine);
    expect([steady.intervalMs(700), steady.isTroubled, steady.isBackingOff]).to.deep.equal([700, false, false]);
  });

  it('looks at once after a refusal, and later after each further one in a row, up to half a failover time', () => {
    const busy = pace();
    const waits = Array.from({ length: 9 }, () => (busy.noteSteps(refused), busy.intervalMs(700)));
    expect(waits).to.deep.equal([0, 100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
    busy.noteSteps({ ...refused, hasGrants: true });
    expect(busy.intervalMs(700), 'it got some').to.equal(0);
    busy.noteSteps(fine);
    expect([busy.intervalMs(700), busy.isBackingOff]).to.deep.equal([700, false]);
  });

  it('looks at once, and consistently, for leases that were not asked for', () => {
    const steady = pace();
    steady.noteSteps({ ...fine, isPutOff: true });
    expect([steady.intervalMs(700), steady.isPutOff]).to.deep.equal([0, true]);
    steady.noteSteps(fine);
    expect([steady.intervalMs(700), steady.isPutOff]).to.deep.equal([700, false]);
  });

  it('spreads those waits', () => {
    const busy = pace(0);
    busy.noteSteps(refused);
    busy.noteSteps(refused);
    expect(busy.intervalMs(700)).to.equal(50);
  });

  it('repeats a failed step at the usual pace, then later each time, and watches by itself meanwhile', () => {
    const troubled = pace();
    const waits = [1, 2, 3, 4, 5].map(() => (troubled.noteSteps(failed), troubled.intervalMs(700)));
    expect(waits).to.deep.equal([700, 1_400, 2_800, 5_000, 5_000]);
    expect(troubled.isTroubled).to.equal(true);
    troubled.noteSteps(fine);
    expect(troubled.isTroubled).to.equal(false);
  });

  for (const task of ['look', 'keep'] as const)
    it(`backs off when a ${task} fails again and again, up to a failover time, until one succeeds`, () => {
      const blind = pace();
      const waits = [1, 2, 3, 4, 5].map((time) => {
        expect(blind.noteFailure(task)).to.equal(time);
        blind.noteDone(task === 'look' ? 'keep' : 'look');
        return blind.intervalMs(700);
      });
      expect(waits).to.deep.equal([1_400, 2_800, 5_600, F, F]);
      expect([blind.isTroubled, blind.isBackingOff]).to.deep.equal([true, true]);
      blind.noteDone(task);
      expect(blind.intervalMs(700)).to.equal(700);
    });
});

describe('an interval that the user sets', () => {
  const seen = { watcher: 'each', workers: 4, seenLeases: () => [] } as const;
  const config = { workerId: 'me', failoverTimeMs: F, lookIntervalMs: 60_000 };

  it('is kept, but not by a worker that waits for what only a look of its own can show', () => {
    expect(lookIntervalMs(config, { ...seen, isWaiting: false })).to.equal(60_000);
    const waitingMs = lookIntervalMs(config, { ...seen, isWaiting: true });
    expect(waitingMs).to.equal(lookIntervalMs({ ...config, lookIntervalMs: undefined }, { ...seen, isWaiting: true }));
    expect(lookIntervalMs({ ...config, lookIntervalMs: 10 }, { ...seen, isWaiting: true })).to.equal(10);
  });
});

/** 20 workers that start at 100 ms, whose looks show the table as it was three seconds ago, unless they are consistent. */
function lateFleet(scheduler: SchedulerLike, endMs: number) {
  const fleet = new PulseFleet(scheduler, 40);
  const past: { readonly atMs: number; readonly view: TableView }[] = [];
  const lagMs = 3_000;
  const scans: number[] = [];
  const viewAt = (ms: number): TableView => [...past].reverse().find(({ atMs }) => atMs <= ms)?.view ?? { leases: [], unreadable: [] };
  const faults: Faults = (port) => ({
    scan: (isConsistent) =>
      defer(() => {
        scans.push(scheduler.now());
        return isConsistent ? port.scan(true) : of(viewAt(scheduler.now() - lagMs)).pipe(delay(2));
      }),
  });
  const note = (): void => void past.push({ atMs: scheduler.now(), view: { leases: fleet.table.rows.all(), unreadable: [] } });
  const steps: Record<number, () => void> = {
    100: () => Array.from({ length: 20 }, (_, i) => fleet.start(`w${i}`, faults, { failoverTimeMs: F })),
  };
  for (let ms = 101; ms < endMs; ms += 50) steps[ms] = note;
  return { fleet, steps, scans };
}

describe('looks that show the table as it was some time ago', () => {
  it(
    'are not repeated at once again and again, however many workers come too late',
    marbles(({ scheduler, flush }) => {
      const { fleet, steps, scans } = lateFleet(scheduler, 15_000);
      fleet.run(flush, 15_000, steps);
      expect(scans.filter((ms) => ms < 5_100).length, 'of 20 workers, in 5 s').to.be.below(20 * 20);
      expect(fleet.table.rows.all().filter(({ leaseOwner }) => leaseOwner === undefined)).to.deep.equal([]);
      expect(fleet.workers.flatMap(({ told }) => linesOf(told, 'lost'))).to.deep.equal([]);
      expect(fleet.doubles).to.deep.equal([]);
    }),
  );

  it(
    'do not have leases asked for again and again: the fleet comes to rest, each worker with its share (regression: leases moved for ever)',
    marbles(({ scheduler, flush }) => {
      const { fleet, steps } = lateFleet(scheduler, 60_000);
      fleet.run(flush, 60_000, { ...steps, 59_999: () => expect(fleet.workers.every(({ held }) => held.size === 2)).to.equal(true) });
      expect(fleet.workers.flatMap(({ told }) => linesOf(told, 'granted', 40_000))).to.deep.equal([]);
      expect(fleet.doubles).to.deep.equal([]);
    }),
  );
});

import { expect } from 'chai';
import type { LeaseRow } from '../../lib/leases/lease.js';
import { factsOf } from '../../lib/leases/fleet.js';
import { pulsesIntervalMs, watchesPulses as watchesPulsesOf } from '../../lib/leases/lookIntervalMs.js';
import type { Watcher } from '../../lib/leases/watcher.js';
import { leaseRow } from '../support/lease-rows.js';

const F = 10_000;
const config = { workerId: 'me', failoverTimeMs: F, lookIntervalMs: undefined };
const seen = (row: LeaseRow, stillMs?: number) => ({ row, stillMs });
const of = (owner: string, key: string): LeaseRow => leaseRow(key, { leaseOwner: owner, gracefulOwner: owner, leaseCounter: 1 });
const isHeld = (key: string): boolean => key === '0';
const watchesPulses = (
  of: typeof config,
  leases: readonly ReturnType<typeof seen>[],
  watcher: Watcher,
  isHeldHere: (key: string) => boolean,
): boolean => {
  const facts = factsOf(
    leases.map(({ row }) => row),
    of.workerId,
  );
  return watchesPulsesOf(of, facts, watcher, isHeldHere, (row) => leases.find((one) => one.row === row)?.stillMs);
};
const mine = seen(of('me', '0'));

describe('watchesPulses', () => {
  it('is for the worker that watches, where each lease is held by it or by one whose pulse beats', () => {
    const leases = [mine, seen(of('a', '1'), 0), seen(of('b', '2'), F)];
    expect(watchesPulses(config, leases, 'self', isHeld)).to.equal(true);
    expect(watchesPulses(config, [mine], 'self', isHeld), 'it is alone').to.equal(true);
    for (const watcher of ['each', 'other'] as const) expect(watchesPulses(config, leases, watcher, isHeld)).to.equal(false);
  });

  it('is not for a table with a lease that should be taken, or may have to be', () => {
    const rest = {
      'that nobody has': seen(leaseRow('2')),
      'of a worker without a pulse': seen(of('a', '2')),
      'of a worker whose pulse stands still': seen(of('a', '2'), F + 1),
      'that this worker owns by the row alone': seen(of('me', '2'), undefined),
    };
    for (const [name, lease] of Object.entries(rest)) expect(watchesPulses(config, [mine, lease], 'self', isHeld), name).to.equal(false);
    const ended = seen(leaseRow('2', { at: 'SHARD_END' }));
    expect(watchesPulses(config, [mine, ended], 'self', isHeld)).to.equal(true);
  });

  it('is not for a large fleet, where a scan costs less', () => {
    const others = (count: number) => Array.from({ length: count }, (_, i) => seen(of(`w${i}`, `1${i}`), 0));
    expect(watchesPulses(config, [mine, ...others(24)], 'self', isHeld)).to.equal(true);
    expect(watchesPulses(config, [mine, ...others(25)], 'self', isHeld)).to.equal(false);
  });

  it('comes with a look at the table less often than KCL’s, or as often as the user says', () => {
    expect(pulsesIntervalMs(config)).to.be.above(2 * F + 50);
    expect(pulsesIntervalMs({ ...config, lookIntervalMs: 70 })).to.equal(70);
  });
});

import { expect } from 'chai';
import { defer, of } from 'rxjs';
import { HeldLeases } from '../../lib/leases/held-leases.js';
import { resolveLeaseConfig } from '../../lib/leases/lease-config.js';
import { LeaseObserver } from '../../lib/leases/lease-observer.js';
import type { LeasePort } from '../../lib/leases/lease-port.js';
import { LeaseTaker } from '../../lib/leases/lease-taker.js';
import { collectGarbage, heldOf } from '../support/collect-garbage.js';
import { leasable } from '../support/lease-fleet.js';
import { leaseRow } from '../support/lease-rows.js';

describe('LeaseTaker', () => {
  it('keeps no lease of a shard that is out of view in memory', async () => {
    const config = resolveLeaseConfig({ workerId: 'w1', events: 'silent' });
    const { workerId, scheduler } = config;
    const port = { update: () => of(true) } as Partial<LeasePort> as LeasePort;
    const held = new HeldLeases(port, { workerId, processId: 'p1', scheduler, fenceMs: 60_000, onLost: () => undefined });
    const observer = new LeaseObserver();
    const shards = new Map([0, 1].map((number) => [leasable(number).shardId, leasable(number)]));
    const clock = { nowMs: () => 0 };
    const inTurn = <T>(_: string, work: () => T) => defer(work as never) as never;
    const shared = { config, port, held, observer, clock, ring: () => undefined, inTurn, initialPosition: 'TRIM_HORIZON' as const };
    const taker = new LeaseTaker({ ...shared, shards: () => shards }, () => false);
    const given: WeakRef<object>[] = [];
    const acquire = (): void =>
      void taker
        .acquire({ rule: 'taken', frees: false, isConsistent: false }, () => undefined)
        .subscribe((news) => news.type === 'granted' && given.push(new WeakRef(news.lease.lost$)));
    observer.observe(
      [...shards.keys()].map((key) => leaseRow(key)),
      0,
    );
    acquire();
    // In a function of its own, whose variables hold no lease afterwards.
    const releaseAll = (): void => [...held.open].forEach((lease) => held.release(lease).subscribe());
    releaseAll();
    await collectGarbage();
    expect([given.length, heldOf(given)], 'in view').to.deep.equal([2, 2]);
    shards.clear();
    held.forget((shardId) => shards.has(shardId));
    await collectGarbage();
    expect(heldOf(given), 'out of view').to.equal(0);
    acquire();
    expect(given).to.have.length(2);
  });
});

import { expect } from 'chai';
import type { LeaseRow } from '../../lib/leases/lease.js';
import { isAvailable, LeaseObserver } from '../../lib/leases/lease-observer.js';
import { leaseRow } from '../support/lease-rows.js';

const held = (leaseCounter: number) => leaseRow('0', { leaseOwner: 'a', leaseCounter });

describe('LeaseObserver', () => {
  const idleAt = (observer: LeaseObserver, nowMs: number) => observer.leases(nowMs).map(({ idleMs }) => idleMs);
  const isFree = (observer: LeaseObserver, nowMs: number) => isAvailable(observer.leases(nowMs)[0]!, 10_000);

  it('counts from when it first saw a lease with an owner: nobody knows for how long that has been there', () => {
    const observer = new LeaseObserver();
    observer.observe([held(412)], 500);
    expect(isFree(observer, 10_500)).to.equal(false);
    expect(isFree(observer, 10_501)).to.equal(true);
  });

  it('counts anew whenever the counter has changed, in either direction', () => {
    const observer = new LeaseObserver();
    observer.observe([held(5)], 0);
    observer.observe([held(6)], 9_000);
    expect(idleAt(observer, 9_500)).to.deep.equal([500]);
    observer.observe([held(6)], 12_000);
    expect(idleAt(observer, 12_000)).to.deep.equal([3_000]);
    observer.observe([held(0)], 13_000);
    expect(idleAt(observer, 13_000)).to.deep.equal([0]);
  });

  it('takes no new owner for a sign of life: a hand-over of KCL 3 leaves the counter alone', () => {
    const observer = new LeaseObserver();
    observer.observe([held(5)], 0);
    observer.observe([leaseRow('0', { leaseOwner: 'b', checkpointOwner: 'a', leaseCounter: 5 })], 9_000);
    expect(idleAt(observer, 9_000)).to.deep.equal([9_000]);
  });

  it('finds a lease without owner free at once', () => {
    const observer = new LeaseObserver();
    observer.observe([leaseRow('0')], 0);
    expect(isFree(observer, 0)).to.equal(true);
    expect(observer.leases(0)[0]).to.include({ wasHeld: false });
    observer.note(leaseRow('0', { leaseCounter: 1 }), 1);
    expect(observer.leases(1)[0]).to.include({ wasHeld: true, idleMs: 0 });
  });

  it('remembers who owned a lease that nobody owns', () => {
    const observer = new LeaseObserver();
    const former = (...rows: Partial<LeaseRow>[]) => {
      for (const row of rows) observer.note(leaseRow('0', row), 0);
      return observer.leases(0)[0]!.formerOwner;
    };
    expect(former({})).to.equal(undefined);
    expect(former({ leaseOwner: 'a' })).to.equal(undefined);
    expect(former({}, { leaseCounter: 1 })).to.equal('a');
    expect(former({ leaseOwner: 'b' })).to.equal(undefined);
    // The worker that asked for it never had it.
    expect(former({ leaseOwner: 'c', checkpointOwner: 'b' }, {})).to.equal('b');
  });

  it('forgets a row that is gone', () => {
    const observer = new LeaseObserver();
    observer.observe([held(5), leaseRow('1')], 0);
    observer.observe([leaseRow('1')], 1);
    observer.forget('1', 1);
    expect(observer.rows()).to.deep.equal([]);
    observer.observe([held(5)], 60_000);
    expect(isFree(observer, 60_000)).to.equal(false);
  });
});

import { expect } from 'chai';
import type { LeaseRow } from '../../lib/leases/lease.js';
import { isAvailable, LeaseObserver } from '../../lib/leases/lease-observer.js';
import { leaseRow } from '../support/lease-rows.js';

const F = 10_000;
const of = (owner: string, key: string, leaseCounter: number, fields: Partial<LeaseRow> = {}): LeaseRow =>
  leaseRow(key, { leaseOwner: owner, gracefulOwner: owner, leaseCounter, ...fields });
/** A row whose last write was a pulse. */
const beat = (owner: string, key: string, leaseCounter: number): LeaseRow => of(owner, key, leaseCounter, { pulse: leaseCounter });
const free = (key: string, leaseCounter: number): LeaseRow => leaseRow(key, { leaseCounter, pulse: leaseCounter - 1 });

describe('PulseObserver', () => {
  /** The keys of the rows that may be taken after a look at `atMs`. */
  const taken = (observer: LeaseObserver, rows: readonly LeaseRow[], atMs: number, askedAtMs: number | 'eventually' = atMs): string[] => {
    observer.observe(rows, atMs);
    observer.pulses.confirm(askedAtMs === 'eventually' ? undefined : askedAtMs, F);
    return observer
      .leases(atMs)
      .filter((lease) => isAvailable(lease, F))
      .map(({ row }) => row.leaseKey);
  };
  const seen = (...rows: readonly LeaseRow[]): LeaseObserver => {
    const observer = new LeaseObserver();
    observer.observe(rows, 0);
    return observer;
  };

  it('finds all rows of a worker idle whose pulse has stood still, also those that were renewed when last seen', () => {
    const observer = seen(beat('a', '1', 5), of('a', '2', 7), beat('b', '3', 1));
    observer.note(beat('a', '1', 6), 3_000);
    expect(taken(observer, [beat('a', '1', 6), of('a', '2', 8), beat('b', '3', 2)], 13_000)).to.deep.equal([]);
    expect(taken(observer, [beat('a', '1', 6), of('a', '2', 9), beat('b', '3', 3)], 13_001)).to.deep.equal(['1', '2']);
    expect(observer.leases(13_001).map(({ idleMs, stillMs }) => [idleMs, stillMs])).to.deep.equal([
      [10_001, 10_001],
      [10_001, 10_001],
      [0, 0],
    ]);
  });

  it('concludes nothing from a look that may miss writes, nor for longer than one look', () => {
    const observer = seen(beat('a', '1', 5), of('a', '2', 7));
    expect(taken(observer, [beat('a', '1', 5), of('a', '2', 8)], 10_500, 'eventually'), 'the row itself is idle').to.deep.equal(['1']);
    expect(taken(observer, [beat('a', '1', 5), of('a', '2', 8)], 10_600)).to.deep.equal(['1', '2']);
    expect(taken(observer, [beat('a', '1', 5), of('a', '2', 8)], 10_700, 'eventually')).to.deep.equal(['1']);
    // It was asked for too early, and answered late.
    expect(taken(observer, [beat('a', '1', 5), of('a', '2', 8)], 10_800, 10_000)).to.deep.equal(['1']);
  });

  it('counts from when it saw a pulse first, also where that is long ago', () => {
    const observer = new LeaseObserver();
    expect(taken(observer, [beat('a', '1', 5), of('a', '2', 7)], 60_000)).to.deep.equal([]);
    expect(taken(observer, [beat('a', '1', 5), of('a', '2', 8)], 70_000)).to.deep.equal([]);
    expect(taken(observer, [beat('a', '1', 5), of('a', '2', 8)], 70_001)).to.deep.equal(['1', '2']);
  });

  it('finds a worker alive whose pulse is in another row now, while the former one stands still', () => {
    const observer = seen(beat('a', '1', 5), of('a', '2', 7));
    expect(taken(observer, [beat('a', '1', 5), beat('a', '2', 8)], 10_500)).to.deep.equal(['1']);
    // A pulse was there meanwhile, and the row was renewed without one since.
    const other = seen(beat('a', '1', 5), of('a', '2', 7, { pulse: 3 }));
    expect(taken(other, [beat('a', '1', 5), of('a', '2', 9, { pulse: 8 })], 10_500)).to.deep.equal(['1']);
  });

  it('knows nothing of a worker whose row is renewed without the pulse, until it is seen in another one', () => {
    const observer = seen(beat('a', '1', 5), of('a', '2', 7));
    observer.note(of('a', '1', 6, { pulse: 5 }), 1_000);
    expect(observer.pulses.stillMs('a', 2_000)).to.equal(undefined);
    expect(taken(observer, [of('a', '1', 7, { pulse: 5 }), of('a', '2', 9)], 12_000)).to.deep.equal([]);
    observer.note(beat('a', '2', 10), 13_000);
    expect(observer.pulses.stillMs('a', 14_000)).to.equal(1_000);
  });

  it('counts anew where a row of the worker went to somebody else, and may have had the pulse meanwhile', () => {
    // A pulse of the former owner, and the next owner's write; or that write alone.
    for (const [counter, rest] of [
      [7, []],
      [6, ['2']],
    ] as const) {
      const observer = seen(beat('a', '1', 5), of('a', '2', 7));
      observer.note(of('b', '1', counter, { pulse: counter - 1 }), 9_000);
      expect(taken(observer, [of('b', '1', counter, { pulse: counter - 1 }), of('a', '2', 8)], 10_500)).to.deep.equal(rest);
    }
    for (const after of [[free('1', 6)], []]) {
      const observer = seen(beat('a', '1', 5), beat('a', '2', 7), of('a', '3', 1));
      expect(taken(observer, [...after, beat('a', '2', 7), of('a', '3', 2)], 10_500).includes('3')).to.equal(after.length > 0);
    }
  });

  it('does not believe a pulse beside another owner: workers of KCL leave it there', () => {
    const java = leaseRow('1', { leaseOwner: 'java', gracefulOwner: 'a', leaseCounter: 6, pulse: 6 });
    const observer = seen(java, of('a', '2', 1), leaseRow('3', { leaseOwner: 'java', leaseCounter: 1, pulse: 1 }));
    expect(observer.pulses.keys('me')).to.deep.equal([]);
    expect(
      taken(observer, [java, of('a', '2', 2), leaseRow('3', { leaseOwner: 'java', leaseCounter: 2, pulse: 1 })], 10_500),
    ).to.deep.equal(['1']);
  });

  it('takes a pulse for that of the former owner during a hand-over', () => {
    const asked = { ...beat('a', '1', 5), leaseOwner: 'b', checkpointOwner: 'a' };
    const observer = seen(beat('a', '1', 5), of('a', '2', 7));
    observer.note(asked, 1_000);
    expect(observer.pulses.keys('me')).to.deep.equal(['1']);
    expect(taken(observer, [asked, of('a', '2', 8)], 10_500)).to.deep.equal(['1', '2']);
    expect(observer.pulses.keys('a')).to.deep.equal([]);
  });

  it('tells when the next pulse will have stood still for too long, whatever stands still already', () => {
    const observer = seen(beat('a', '1', 5), beat('b', '2', 5), beat('c', '3', 5));
    observer.note(beat('b', '2', 6), 9_000);
    observer.note(beat('c', '3', 6), 9_500);
    expect(observer.pulses.leftMs('me', 9_600, F)).to.equal(401);
    expect(observer.pulses.leftMs('me', 11_000, F)).to.equal(8_001);
    expect(observer.pulses.leftMs('b', 11_000, F)).to.equal(8_501);
    expect(observer.pulses.leftMs('me', 30_000, F)).to.equal(Infinity);
  });

  it('does not count a worker whose rows nobody can take', () => {
    const observer = new LeaseObserver();
    const ended = beat('a', '1', 5);
    const rows = [{ ...ended, checkpoint: { sequenceNumber: 'SHARD_END', subSequenceNumber: 0 } }, beat('b', '2', 5), beat('c', '3', 5)];
    observer.observe(rows, 0, ({ leaseKey }) => leaseKey !== '2');
    expect(observer.pulses.keys('me')).to.deep.equal(['3']);
    expect(observer.pulses.longestStillMs('c', 9_000)).to.equal(0);
  });

  it('forgets a worker that holds nothing', () => {
    const observer = seen(beat('a', '1', 5));
    expect(observer.pulses.longestStillMs('me', 4_000)).to.equal(4_000);
    expect(observer.pulses.longestStillMs('a', 4_000)).to.equal(0);
    observer.observe([free('1', 6)], 5_000);
    expect(observer.pulses.longestStillMs('me', 9_000)).to.equal(0);
  });
});

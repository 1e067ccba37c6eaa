import { expect } from 'chai';
import { factsOf } from '../../lib/leases/fleet.js';
import { isWatchedBy, watcherOf as watcherOfFacts } from '../../lib/leases/watcher.js';
import type { LeaseRow } from '../../lib/leases/lease.js';
import { leaseRow } from '../support/lease-rows.js';

const ended = { checkpoint: { sequenceNumber: 'SHARD_END', subSequenceNumber: 0 } };
const of = (owner: string, key: string, fields: Partial<LeaseRow> = {}): LeaseRow =>
  leaseRow(key, { leaseOwner: owner, gracefulOwner: owner, leaseCounter: 1, ...fields });
const seen = (row: LeaseRow, idleMs = 0) => ({ row, idleMs, wasHeld: true, handOverMs: 0 });
const fleet = (...rows: LeaseRow[]) => rows.map((row) => seen(row));
type Seen = ReturnType<typeof seen>;
const bellRow = (rows: readonly LeaseRow[]) => factsOf(rows, 'd').bell;
const watcherOf = (leases: readonly Seen[], who: typeof config) => {
  const facts = factsOf(
    leases.map(({ row }) => row),
    who.workerId,
  );
  return watcherOfFacts(facts, (row) => leases.find((one) => one.row === row)!.idleMs, who);
};
const four = [of('b', '2'), of('a', '1'), of('c', '3'), of('d', '4')];
const config = { workerId: 'd', failoverTimeMs: 10_000 };

describe('who watches a lease table', () => {
  it('is whoever holds the row with the lowest key that is not ended', () => {
    expect(bellRow(four)).to.equal(four[1]);
    expect(bellRow([of('a', '0', ended), ...four])).to.equal(four[1]);
    expect(bellRow([of('a', '0', ended)])).to.equal(undefined);
    expect(watcherOf(fleet(...four), config)).to.equal('other');
    expect(watcherOf(fleet(...four), { ...config, workerId: 'a' })).to.equal('self');
  });

  it('is also the holder of the first row that the former has not, in a small fleet', () => {
    const rows = [of('a', '1'), of('a', '10'), of('b', '2'), of('c', '3'), of('d', '4')];
    expect(['a', 'b', 'c', 'd'].map((workerId) => watcherOf(fleet(...rows), { ...config, workerId }))).to.deep.equal([
      ...['self', 'self', 'other', 'other'],
    ]);
    const more = Array.from({ length: 22 }, (_, i) => of(`w${i}`, `5${i}`));
    expect(watcherOf(fleet(...rows, ...more.slice(1)), { ...config, workerId: 'b' })).to.equal('self');
    expect(watcherOf(fleet(...rows, ...more), { ...config, workerId: 'b' })).to.equal('other');
  });

  it('is everybody in a fleet of three', () => {
    expect(watcherOf(fleet(...four.slice(0, 3)), { ...config, workerId: 'c' })).to.equal('self');
    expect(watcherOf(fleet(...four.slice(0, 2)), { ...config, workerId: 'new' })).to.equal('self');
    expect(watcherOf(fleet(...four.slice(0, 3)), { ...config, workerId: 'new' })).to.equal('other');
  });

  it('is each worker for itself while nobody holds that row, or it stands still', () => {
    const others = [...four.filter(({ leaseKey }) => leaseKey !== '1'), of('e', '5')];
    const rows = (bell: LeaseRow, idleMs = 0) => [seen(bell, idleMs), ...fleet(...others)];
    expect(watcherOf(rows(leaseRow('1')), config)).to.equal('each');
    expect(watcherOf(rows(of('a', '1'), 5_000), config)).to.equal('other');
    expect(watcherOf(rows(of('a', '1'), 5_001), config)).to.equal('each');
    expect(watcherOf([], config)).to.equal('each');
  });

  it('is each worker for itself where others do not ring, such as those of KCL, and while it waits for a lease it asked for', () => {
    expect(watcherOf(fleet(...four, leaseRow('9', { leaseOwner: 'java' })), config)).to.equal('each');
    expect(watcherOf(fleet(...four, of('a', '9', { leaseOwner: 'd', checkpointOwner: 'a' })), config)).to.equal('each');
    // Another one waits.
    expect(watcherOf(fleet(...four, of('a', '9', { leaseOwner: 'c', checkpointOwner: 'a' })), config)).to.equal('other');
  });

  it('is nobody while the row is handed over, or after it was and before it is taken', () => {
    expect(isWatchedBy(seen(of('a', '1')), 10_000)).to.equal(true);
    expect(isWatchedBy(seen(of('a', '1', { leaseOwner: 'b', checkpointOwner: 'a' })), 10_000)).to.equal(false);
    expect(isWatchedBy(seen(of('a', '1', { leaseOwner: 'b' })), 10_000)).to.equal(false);
  });
});

import { expect } from 'chai';
import type { LeasableShard } from '../../lib/checkpoints/checkpoint-store.js';
import { fairAssignment } from '../../lib/leases/fairAssignment.js';
import type { ObservedLease } from '../../lib/leases/lease-observer.js';
import { planLeases, type LeaseLook } from '../../lib/leases/planLeases.js';
import { leaseRow } from '../support/lease-rows.js';
import { seededRandom } from '../support/seeded-random.js';

const config = {
  assignment: fairAssignment,
  failoverTimeMs: 10_000,
  handOverTimeoutMs: 30_000,
  maxLeases: Infinity,
  random: seededRandom(1),
  workerId: 'me',
};

function shard(shardId: string, fields: Partial<LeasableShard> = {}): LeasableShard {
  return { streamName: 'stream', shardId, parentShardIds: [], closed: false, isReady: true, ...fields };
}

function lease(leaseKey: string, fields: Partial<ObservedLease> & { readonly leaseOwner?: string } = {}): ObservedLease {
  const { leaseOwner, ...rest } = fields;
  const row = leaseRow(leaseKey, leaseOwner === undefined ? {} : { leaseOwner });
  return { row, idleMs: 0, wasHeld: false, handOverMs: 0, ...rest };
}

function look(leases: readonly ObservedLease[], shards: readonly LeasableShard[], fields: Partial<LeaseLook> = {}): LeaseLook {
  const byId = new Map(shards.map((each) => [each.shardId, each]));
  return { leases, shards: byId, isHeld: () => false, yields: () => false, rule: 'taken', maySteal: false, frees: false, ...fields };
}

const steps = (...args: Parameters<typeof look>) =>
  planLeases(look(...args), config).map(({ row: { leaseKey }, from }) => `${leaseKey} ${from}`);

describe('planLeases', () => {
  it('takes no lease of a shard that was read to its end here, or left, which it would keep from the others', () => {
    const leases = [lease('0'), lease('1'), lease('2', { leaseOwner: 'other', idleMs: 10_001, wasHeld: true })];
    const unwanted = ['0', '2'].map((id) => shard(id, { isWanted: false }));
    expect(steps(leases, [...unwanted, shard('1')])).to.deep.equal(['1 free']);
    expect(
      steps(
        leases,
        ['0', '1', '2'].map((id) => shard(id)),
      ),
    ).to.have.members(['0 free', '1 free', '2 expired']);
  });

  it('does not count such leases either, which would take the place of those that it wants', () => {
    const unwanted = ['0', '2', '3'];
    const leases = [
      ...unwanted.map((id) => lease(id)),
      lease('1'),
      ...['8', '9'].map((id) => lease(id, { leaseOwner: 'other', wasHeld: true })),
    ];
    const shards = [...unwanted.map((id) => shard(id, { isWanted: false })), shard('1', { isReady: false }), shard('8'), shard('9')];
    expect(steps(leases, shards)).to.deep.equal(['1 free']);
  });

  it('nor does it take one back that still names it', () => {
    const leases = [lease('0', { leaseOwner: 'me' })];
    expect(steps(leases, [shard('0')])).to.deep.equal(['0 handedOver']);
    expect(steps(leases, [shard('0', { isWanted: false })])).to.deep.equal([]);
  });

  it('frees the lease of a worker that is gone for others, though it does not want it itself', () => {
    const leases = [lease('0', { leaseOwner: 'gone', idleMs: 10_001, wasHeld: true }), lease('1', { leaseOwner: 'alive', wasHeld: true })];
    expect(steps(leases, [shard('0', { isWanted: false }), shard('1')], { frees: true })).to.deep.equal(['0 gone']);
  });

  it('takes beyond its share what was free for three failover times, though nobody was ever seen to hold it', () => {
    // Of four leases for two workers it should have two; the other worker has no room for more than one.
    const held = [lease('0', { leaseOwner: 'other', wasHeld: true }), lease('1', { leaseOwner: 'me' }), lease('2', { leaseOwner: 'me' })];
    const shards = ['0', '1', '2', '3'].map((id) => shard(id));
    const mine = { isHeld: (key: string) => key === '1' || key === '2' };
    expect(steps([...held, lease('3', { idleMs: 30_000 })], shards, mine)).to.deep.equal([]);
    expect(steps([...held, lease('3', { idleMs: 30_001 })], shards, mine)).to.deep.equal(['3 free']);
  });
});

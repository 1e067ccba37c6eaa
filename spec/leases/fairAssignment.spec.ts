import { expect } from 'chai';
import fc from 'fast-check';
import { fairAssignment } from '../../lib/leases/fairAssignment.js';
import { leaseTarget, type AssignableLease, type AssignmentView } from '../../lib/leases/lease-rules.js';
import { seededRandom } from '../support/seeded-random.js';

const lease = (leaseKey: string, owner?: string, fields: Partial<AssignableLease> = {}): AssignableLease => ({
  leaseKey,
  idleMs: owner === undefined ? 12_000 : 0,
  seenMs: owner === undefined ? 12_000 : 0,
  isReady: true,
  ...(owner !== undefined && { owner }),
  ...fields,
});
const view = (leases: readonly AssignableLease[], fields: Partial<AssignmentView> = {}): AssignmentView => ({
  workerId: 'me',
  leases,
  maxLeases: Infinity,
  failoverTimeMs: 10_000,
  random: seededRandom(7),
  ...fields,
});
const many = (owner: string | undefined, count: number): AssignableLease[] =>
  Array.from({ length: count }, (_, index) => lease(`${owner ?? 'free'}${index}`, owner));

describe('fairAssignment', () => {
  it('takes its share of what is free, those first that can be read at once', () => {
    const leases = [
      ...many('a', 1),
      lease('w0', undefined, { isReady: false }),
      lease('w1', undefined, { isReady: false }),
      lease('r0'),
      lease('r1'),
    ];
    expect([...fairAssignment(view(leases))].slice(0, 2)).to.have.members(['r0', 'r1']);
    expect(fairAssignment(view(leases))).to.have.length(3);
  });

  it('leaves fresh leases beyond its share to others', () => {
    const fresh = Array.from({ length: 9 }, (_, index) => lease(`n${index}`, undefined, { idleMs: Infinity }));
    expect(fairAssignment(view([...many('a', 1), ...many('b', 1), ...fresh]))).to.have.length(4);
  });

  it('takes beyond its share what nobody takes for three failover times', () => {
    // Also where nobody was ever seen to hold it.
    const leases = [
      ...many('me', 4),
      ...many('a', 4),
      lease('x', undefined, { idleMs: Infinity, seenMs: 30_001 }),
      lease('y', undefined, { idleMs: 30_000, seenMs: 30_000 }),
    ];
    // The target of 10 leases for 2 workers is 5: one is taken anyway, the other only when it is overdue.
    const taken = fairAssignment(view(leases));
    expect(taken).to.include('x');
    expect(fairAssignment(view(leases, { maxLeases: 5 }))).to.have.length(1);
    expect(fairAssignment(view(leases, { maxLeases: 4 }))).to.deep.equal([]);
  });

  it('does not leave free leases to the worker that has given one up, which stops', () => {
    const leases = [
      ...many('me', 4),
      ...many('a', 4),
      ...many('gone', 1),
      lease('x'),
      lease('y'),
      lease('z', undefined, { formerOwner: 'gone' }),
    ];
    expect(fairAssignment(view(leases))).to.have.length(2);
    // Nor does it count itself out: it has come again.
    const own = [...many('me', 1), ...many('a', 3), lease('x', undefined, { formerOwner: 'me' }), lease('y')];
    expect(fairAssignment(view(own))).to.have.length(2);
  });

  it('asks for all of its share at once, of whoever has the most', () => {
    const asked = fairAssignment(view([...many('a', 7), ...many('b', 5)]));
    expect(asked.map((key) => key[0]).sort()).to.deep.equal(['a', 'a', 'a', 'b']);
  });

  it('asks for nothing when nobody has too many', () => {
    expect(fairAssignment(view([...many('a', 1), ...many('b', 1)]))).to.deep.equal([]);
    expect(fairAssignment(view([...many('a', 2), ...many('b', 2), ...many('me', 1)]))).to.deep.equal([]);
    expect(fairAssignment(view([]))).to.deep.equal([]);
  });

  it('brings any number of workers to rest, no two of them more than one lease apart from the target', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 12 }), fc.integer(), (leaseCount, workers, seed) => {
        const owners = new Map(Array.from({ length: leaseCount }, (_, index) => [`l${index}`, undefined as string | undefined]));
        const names = Array.from({ length: workers }, (_, index) => `w${index}`);
        const random = seededRandom(seed);
        let moves = 0;
        let isQuiet = false;
        for (let round = 0; round < 3 * leaseCount + 3 && !isQuiet; round++) {
          isQuiet = true;
          for (const workerId of names) {
            const leases = [...owners].map(([key, owner]) => lease(key, owner));
            for (const key of fairAssignment(view(leases, { workerId, random }))) {
              owners.set(key, workerId);
              moves++;
              isQuiet = false;
            }
          }
        }
        expect(isQuiet, 'comes to rest').to.equal(true);
        const counts = names.map((name) => [...owners.values()].filter((owner) => owner === name).length);
        expect(counts.reduce((sum, count) => sum + count)).to.equal(leaseCount);
        expect(Math.max(...counts)).to.be.at.most(leaseTarget(leaseCount, workers, Infinity).target);
        // Each sees the others only when they have something: the first takes all, the second half of it, and so on.
        const inTurns = names.reduce((sum, _, index) => sum + Math.ceil(leaseCount / (index + 1)), 0);
        expect(moves).to.be.at.most(inTurns + workers);
      }),
      { numRuns: 200 },
    );
  });
});

import { expect } from 'chai';
import { kclAssignment } from '../../lib/leases/kclAssignment.js';
import { leaseCounts, leaseTarget, stealCount, type AssignableLease, type AssignmentView } from '../../lib/leases/lease-rules.js';
import { seededRandom } from '../support/seeded-random.js';

/** Leases by their owners; `free` ones were held not long ago. */
function viewOf(held: Record<string, number>, fields: Partial<AssignmentView> & { free?: number; idleMs?: number } = {}): AssignmentView {
  const { free = 0, idleMs = 12_000, ...rest } = fields;
  const leases: AssignableLease[] = Object.entries(held).flatMap(([owner, count]) =>
    Array.from({ length: count }, (_, index) => ({ leaseKey: `${owner}-${index}`, owner, idleMs: 0, seenMs: 0, isReady: true })),
  );
  for (let index = 0; index < free; index++) leases.push({ leaseKey: `free-${index}`, idleMs, seenMs: idleMs, isReady: true });
  return { workerId: 'me', leases, maxLeases: Infinity, failoverTimeMs: 10_000, random: seededRandom(1), ...rest };
}

const ownersOf = (keys: readonly string[]): string[] => keys.map((key) => key.split('-')[0]!);

describe('the lease rules of KCL 2.x', () => {
  // kcl: leases, held by others (and by the asking worker), workers, target, need, steals.
  const golden: [leases: number, held: Record<string, number>, workers: number, target: number, need: number, steals: string[]][] = [
    [10, { A: 10 }, 2, 5, 5, ['A']],
    [4, { A: 2, B: 2 }, 3, 2, 2, ['A']],
    [5, { A: 3, B: 2 }, 3, 2, 2, ['A']],
    [3, { A: 2, B: 1 }, 3, 1, 1, ['A']],
    [2, { A: 1, B: 1 }, 3, 1, 1, []],
    [5, { A: 2, B: 2, me: 1 }, 3, 2, 1, []],
  ];
  for (const [leases, held, workers, target, need, steals] of golden) {
    it(`steal ${steals.join() || 'nothing'} of ${JSON.stringify(held)}`, () => {
      const view = viewOf(held);
      const counts = leaseCounts(view);
      expect(view.leases).to.have.length(leases);
      expect(counts.size).to.equal(workers);
      expect(leaseTarget(leases, workers, Infinity).target).to.equal(target);
      expect(target - counts.get('me')!).to.equal(need);
      expect(ownersOf(kclAssignment(view))).to.deep.equal(steals);
    });
  }

  it('leave to others what one worker may not have', () => {
    const view = viewOf({ me: 3 }, { free: 7, maxLeases: 3 });
    expect(leaseTarget(10, 1, 3)).to.deep.equal({ target: 3, spillover: 7 });
    expect(kclAssignment(view)).to.deep.equal([]);
  });

  it('take free leases up to the target, and steal nothing while there are any', () => {
    expect(ownersOf(kclAssignment(viewOf({ A: 6 }, { free: 2 })))).to.deep.equal(['free', 'free']);
    expect(ownersOf(kclAssignment(viewOf({ A: 3 }, { free: 9 })))).to.deep.equal(Array<string>(6).fill('free'));
  });

  it('take what is very old whatever the target, and then nothing else', () => {
    const view = viewOf({ A: 1, me: 4 }, { free: 3, idleMs: Infinity });
    expect(ownersOf(kclAssignment(view))).to.deep.equal(['free', 'free', 'free']);
    expect(kclAssignment({ ...view, maxLeases: 5 })).to.have.length(1);
    expect(kclAssignment({ ...view, maxLeases: 4 })).to.deep.equal([]);
  });

  it('steal no more at one time than is allowed, and not below the target of the victim', () => {
    expect(kclAssignment(viewOf({ A: 10 }), 3)).to.have.length(3);
    expect(kclAssignment(viewOf({ A: 10 }), 100)).to.have.length(5);
    expect(stealCount(5, 4, 5, 1)).to.equal(0);
  });
});

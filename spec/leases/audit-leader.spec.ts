import { expect } from 'chai';
import { isAuditLeader, javaShuffled } from '../../lib/leases/audit-leader.js';

/** Seen with Java 17: `Collections.shuffle(owners, new Random(1947))`. */
const GOLDEN = [
  'w0',
  'w0 w1',
  'w2 w0 w1',
  'w3 w0 w1 w2',
  'w4 w0 w2 w1 w3',
  'w2 w3 w5 w4 w0 w1',
  'w2 w4 w3 w5 w0 w6 w1',
  'w2 w3 w0 w6 w4 w7 w1 w5',
];

describe('the leader of the audit', () => {
  for (const [index, order] of GOLDEN.entries()) {
    const owners = Array.from({ length: index + 1 }, (_, number) => `w${number}`);

    it(`shuffles ${index + 1} owners as Java does`, () => {
      expect(javaShuffled(owners).join(' ')).to.equal(order);
    });

    it(`is the first of ${index + 1}, in whatever order they are found`, () => {
      const leaders = owners.filter((workerId) => isAuditLeader([...owners].reverse().concat(owners), workerId));
      expect(leaders).to.deep.equal([order.split(' ')[0]]);
    });
  }

  it('is everybody where nobody owns anything', () => {
    expect(isAuditLeader([], 'w5')).to.equal(true);
  });

  it('is no worker that owns nothing where others do', () => {
    expect(isAuditLeader(['w1'], 'w0')).to.equal(false);
  });
});

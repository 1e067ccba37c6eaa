import { expect } from 'chai';
import { HeldLease } from '../../lib/dynamodb/held-lease.js';
import type { LeaseRow } from '../../lib/dynamodb/lease-row.js';

const at = (sequenceNumber: string) => ({ sequenceNumber, subSequenceNumber: 0 });

/** A tenure of worker w1 with counter 3 and checkpoint 10. */
const tenureAt3 = () => new HeldLease({ leaseCounter: 3, checkpoint: at('10') }, 'w1');

/** The row that the reply-less write of checkpoint 20 in that tenure leaves. */
const rowAt4 = (fields: Partial<LeaseRow> = {}): LeaseRow => ({ leaseOwner: 'w1', leaseCounter: 4, checkpoint: at('20'), ...fields });

describe('HeldLease', () => {
  it('counts its writes', () => {
    const tenure = tenureAt3();
    tenure.wrote(at('20'));
    expect(tenure.leaseCounter).to.equal(4);
    expect(tenure.checkpoint).to.deep.equal(at('20'));
  });

  it('goes on from a write whose reply was lost', () => {
    const tenure = tenureAt3();
    tenure.sending(at('15'));
    tenure.sending(at('20'));
    expect(tenure.adopt(rowAt4())).to.equal(true);
    expect(tenure.leaseCounter).to.equal(4);
    expect(tenure.checkpoint).to.deep.equal(at('20'));
  });

  const foreign: Record<string, LeaseRow | undefined> = {
    'that is gone': undefined,
    'of another worker': rowAt4({ leaseOwner: 'w2' }),
    'without owner': { leaseCounter: 4, checkpoint: at('20') },
    'in hand-over from another worker': rowAt4({ checkpointOwner: 'w0' }),
    'that was written more than once': rowAt4({ leaseCounter: 5 }),
    'that was not written': rowAt4({ leaseCounter: 3 }),
    'with a checkpoint that was not sent': rowAt4({ checkpoint: at('10') }),
  };
  for (const [name, row] of Object.entries(foreign)) {
    it(`does not take a row ${name} for its own`, () => {
      const tenure = tenureAt3();
      tenure.sending(at('20'));
      expect(tenure.adopt(row)).to.equal(false);
      expect(tenure.leaseCounter).to.equal(3);
    });
  }

  it('goes on while KCL 3 hands the lease over', () => {
    const tenure = tenureAt3();
    tenure.sending(at('20'));
    expect(tenure.adopt(rowAt4({ leaseOwner: 'java', checkpointOwner: 'w1' }))).to.equal(true);
  });

  it('knows nothing of what was sent before its last write', () => {
    const tenure = tenureAt3();
    tenure.sending(at('20'));
    tenure.wrote(at('30'));
    expect(tenure.adopt(rowAt4({ leaseCounter: 5 }))).to.equal(false);
  });

  it('is closed before its loss is told, once', () => {
    const tenure = tenureAt3();
    const seen: boolean[] = [];
    tenure.lost$.subscribe(() => seen.push(tenure.isOpen));
    tenure.lose();
    tenure.lose();
    tenure.end();
    tenure.lost$.subscribe(() => seen.push(tenure.isOpen));
    expect(seen).to.deep.equal([false, false]);
  });

  it('is never lost after its end', () => {
    const tenure = tenureAt3();
    const seen: string[] = [];
    tenure.lost$.subscribe({ next: () => seen.push('lost'), complete: () => seen.push('complete') });
    tenure.end();
    tenure.lose();
    expect(seen).to.deep.equal(['complete']);
    expect(tenure.isOpen).to.equal(false);
  });
});

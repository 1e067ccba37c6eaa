import { expect } from 'chai';
import { creditIn } from '../../lib/ledger/credit.js';
import { ledgerWith } from '../support/delivery.js';

const plenty = Number.MAX_SAFE_INTEGER;

describe('creditIn', () => {
  const { ledger } = ledgerWith({ sequenceNumber: 1, bytes: 10 }, { sequenceNumber: 2, bytes: 10 });

  it('is what the records in flight leave of the limit', () => {
    expect(creditIn(ledger, { maxInFlightRecords: 5, maxInFlightBytes: plenty })).to.equal(3);
    expect(creditIn(ledgerWith().ledger, { maxInFlightRecords: 5, maxInFlightBytes: 1 })).to.equal(5);
  });

  it('is 0 at either limit, and beyond it', () => {
    expect(creditIn(ledger, { maxInFlightRecords: 2, maxInFlightBytes: plenty })).to.equal(0);
    expect(creditIn(ledger, { maxInFlightRecords: 1, maxInFlightBytes: plenty })).to.equal(0);
    expect(creditIn(ledger, { maxInFlightRecords: 5, maxInFlightBytes: 20 })).to.equal(0);
    expect(creditIn(ledger, { maxInFlightRecords: 5, maxInFlightBytes: 21 })).to.equal(3);
  });
});

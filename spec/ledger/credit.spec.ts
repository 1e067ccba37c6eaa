import { expect } from 'chai';
import { hasCredit } from '../../lib/ledger/credit.js';
import { Ledger } from '../../lib/ledger/ledger.js';
import { ledgerWith } from '../support/delivery.js';

const plenty = Number.MAX_SAFE_INTEGER;

describe('hasCredit', () => {
  it('is so below both limits', () => {
    const { ledger } = ledgerWith({ sequenceNumber: 1, bytes: 10 }, { sequenceNumber: 2, bytes: 10 });

    expect(hasCredit(ledger, { maxInFlightRecords: 3, maxInFlightBytes: 21 })).to.equal(true);
    expect(hasCredit(ledger, { maxInFlightRecords: 2, maxInFlightBytes: plenty })).to.equal(false);
    expect(hasCredit(ledger, { maxInFlightRecords: plenty, maxInFlightBytes: 20 })).to.equal(false);
  });

  it('is so while nothing is in flight, whatever the limits', () => {
    expect(hasCredit(new Ledger(), { maxInFlightRecords: 1, maxInFlightBytes: 1 })).to.equal(true);
  });
});

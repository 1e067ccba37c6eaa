import { expect } from 'chai';
import { fakeLeases } from '../../lib/testing/index.js';
import { isInvalidConfig } from '../../lib/values/errors.js';
import { thrownBy } from '../support/thrown-by.js';

describe('fakeLeases', () => {
  it('refuses an option that is none, of the table and of a worker', () => {
    expect(thrownBy(() => fakeLeases({ latency: 5 } as object))).to.satisfy(isInvalidConfig);
    expect(thrownBy(() => fakeLeases().worker('w1', { failoverMs: 1_000 } as object))).to.satisfy(isInvalidConfig);
  });
});

import { expect } from 'chai';
import fc from 'fast-check';
import { SettledRanges } from '../../lib/tracking/settled-ranges.js';
import { isInvalidValue } from '../../lib/values/errors.js';
import type { Position } from '../../lib/values/position.js';
import { rangeOf } from '../support/ranges.js';
import { thrownBy } from '../support/thrown-by.js';

const at = (sequenceNumber: number | string): Position => ({ sequenceNumber: String(sequenceNumber), subSequenceNumber: 0 });
const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

describe('SettledRanges', () => {
  it('include exactly what lies within one of them', () => {
    // Ends that alternate between the first and the last record of a range.
    const anyEnds = fc.uniqueArray(fc.nat(60), { maxLength: 20 }).map((ends) => ends.sort((a, b) => a - b));
    fc.assert(
      fc.property(anyEnds, (ends) => {
        const pairs = numbers(Math.floor(ends.length / 2)).map((i) => [ends[2 * i]!, ends[2 * i + 1]!] as const);
        const settled = new SettledRanges(pairs.map(([from, to]) => rangeOf(from, to, to - from + 1)));
        for (const number of numbers(62))
          expect(settled.include(at(number)), String(number)).to.equal(pairs.some(([from, to]) => from <= number && number <= to));
      }),
    );
  });

  it('are looked up in few steps, however many there are', () => {
    const ranges = numbers(100_000).map((i) => rangeOf(10 * i, 10 * i + 5, 6));
    let looks = 0;
    const counted = ranges.map((range) =>
      Object.defineProperty({ ...range }, 'fromSeqNumber', { get: () => (looks++, range.fromSeqNumber) }),
    );
    expect(new SettledRanges(counted).include(at(500_003))).to.equal(true);
    expect(looks).to.be.at.most(20);
  });

  it('refuse to stand for more records than they say', () => {
    const settled = new SettledRanges([rangeOf(2, '9'.repeat(129), 2)]);
    expect(() => settled.count([at(1), at(2), at(5)])).not.to.throw();
    const error = thrownBy(() => settled.count([at(6)]));
    expect(error).to.satisfy(isInvalidValue);
    expect(error)
      .to.have.property('message')
      .that.matches(/#2\]: stored as settled, but it holds more records$/);
  });

  it('count each record once, also when reading begins again', () => {
    const settled = new SettledRanges([rangeOf(2, 4, 3), rangeOf(6, 6, 1)]);
    for (let i = 0; i < 3; i++) expect(() => settled.count(numbers(8).map(at))).not.to.throw();
  });
});

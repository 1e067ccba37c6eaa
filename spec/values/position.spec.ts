import { expect } from 'chai';
import fc from 'fast-check';
import { isInvalidValue } from '../../lib/values/errors.js';
import {
  assertPosition,
  AT_TIMESTAMP,
  barePosition,
  comparePositions,
  compareSequenceNumbers,
  isSentinel,
  LATEST,
  SHARD_END,
  TRIM_HORIZON,
  type Position,
} from '../../lib/values/position.js';
import { thrownBy } from '../support/thrown-by.js';

const digits = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 129 }).map((all) => all.join(''));

function at(sequenceNumber: string, subSequenceNumber = 0): Position {
  return { sequenceNumber, subSequenceNumber };
}

describe('comparePositions', () => {
  it('compares numbers by value and not as text (regression: sequence numbers were compared as strings)', () => {
    expect(comparePositions(at('9'), at('10'))).to.be.lessThan(0);
    expect(comparePositions(at('10'), at('9'))).to.be.greaterThan(0);
    expect(comparePositions(at('99999999999999999999'), at('100000000000000000000'))).to.be.lessThan(0);
  });

  it('tells numbers apart that a double cannot', () => {
    const long = '49590338271490256608559692538361571095921575989136588898';
    expect(comparePositions(at(long), at(`${long.slice(0, -1)}9`))).to.be.lessThan(0);
    expect(comparePositions(at(long), at(long))).to.equal(0);
  });

  it('passes over leading zeros', () => {
    expect(comparePositions(at('007'), at('7'))).to.equal(0);
    expect(comparePositions(at('0010'), at('9'))).to.be.greaterThan(0);
    expect(comparePositions(at('000'), at('0'))).to.equal(0);
    expect(comparePositions(at('0'), at('00001'))).to.be.lessThan(0);
  });

  it('orders as BigInt does, whatever the length', () => {
    fc.assert(
      fc.property(digits, digits, (a, b) => {
        const difference = BigInt(a) - BigInt(b);
        expect(Math.sign(comparePositions(at(a), at(b)))).to.equal(difference > 0n ? 1 : difference < 0n ? -1 : 0);
      }),
      {
        examples: [
          ['9', '10'],
          ['0', '00'],
          ['10', '09'],
        ],
      },
    );
  });

  it('orders by sub-sequence number where the sequence numbers are equal, and only there', () => {
    fc.assert(
      fc.property(digits, fc.nat(), fc.nat(), (number, a, b) => {
        expect(Math.sign(comparePositions(at(number, a), at(`0${number}`, b)))).to.equal(Math.sign(a - b));
      }),
    );
    expect(comparePositions(at('9', 100), at('10', 0))).to.be.lessThan(0);
  });

  it('orders the sentinels as KCL does', () => {
    const ascending = [AT_TIMESTAMP, TRIM_HORIZON, LATEST, '0', '1', '9'.repeat(129), SHARD_END];
    ascending.forEach((a, i) =>
      ascending.forEach((b, j) => expect(Math.sign(comparePositions(at(a), at(b))), `${a} ${b}`).to.equal(Math.sign(i - j))),
    );
  });

  it('is a sort order', () => {
    const sorted = ['10', SHARD_END, '9', LATEST, '100', TRIM_HORIZON].sort(compareSequenceNumbers);
    expect(sorted).to.deep.equal([TRIM_HORIZON, LATEST, '9', '10', '100', SHARD_END]);
  });
});

describe('barePosition', () => {
  it('leaves everything else behind', () => {
    expect(barePosition({ ...at('7', 2), data: new Uint8Array(1) } as Position)).to.deep.equal(at('7', 2));
  });
});

describe('isSentinel', () => {
  it('knows the four words, and no property of objects', () => {
    expect([AT_TIMESTAMP, TRIM_HORIZON, LATEST, SHARD_END].every(isSentinel)).to.equal(true);
    expect(['0', '7', '', 'toString', '__proto__', 'constructor', 'latest'].some(isSentinel)).to.equal(false);
  });
});

describe('assertPosition', () => {
  it('takes numbers of up to 129 digits and sentinels', () => {
    for (const number of ['0', '7', '9'.repeat(129), TRIM_HORIZON, SHARD_END]) assertPosition(at(number, 3), 'row');
  });

  const malformed: Readonly<Record<string, readonly [sequenceNumber: unknown, got: RegExp]>> = {
    nothing: ['', /got ""/],
    'a leading zero': ['07', /got "07"/],
    '130 digits': ['9'.repeat(130), /got "9{40}"$/],
    'a word': ['LATEST ', /got "LATEST "/],
    'a property of objects': ['toString', /got "toString"/],
    'a number': [7, /got 7/],
    'a sign': ['-1', /got "-1"/],
    undefined: [undefined, /got undefined/],
  };
  for (const [what, [sequenceNumber, got]] of Object.entries(malformed)) {
    it(`refuses ${what}`, () => {
      const error = thrownBy(() => assertPosition(at(sequenceNumber as string), 'row of flights'));
      expect(isInvalidValue(error)).to.equal(true);
      expect(error)
        .to.have.property('message')
        .that.matches(/^row of flights: expected a decimal sequence number/)
        .and.matches(got);
    });
  }

  for (const sub of [-1, 0.5, NaN, Infinity, '0', null]) {
    it(`refuses the sub-sequence number ${String(sub)}`, () => {
      const error = thrownBy(() => assertPosition(at('7', sub as number), 'row'));
      expect(isInvalidValue(error)).to.equal(true);
      expect(error)
        .to.have.property('message')
        .that.matches(/^row: expected a sub-sequence number from 0 up/);
    });
  }
});

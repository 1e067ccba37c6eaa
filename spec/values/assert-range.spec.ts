import { expect } from 'chai';
import fc from 'fast-check';
import { assertRange, assertRangeToRead } from '../../lib/values/assert-range.js';
import { isInvalidValue } from '../../lib/values/errors.js';
import { anyRange } from '../support/arbitraries.js';
import { rangeOf } from '../support/ranges.js';
import { thrownBy } from '../support/thrown-by.js';

describe('assertRange', () => {
  it('takes a range of one record', () => {
    expect(() => assertRange(rangeOf(5, 5, 1), 'range')).not.to.throw();
  });

  it('takes well-formed ranges', () => {
    fc.assert(fc.property(anyRange, (range) => assertRange(range, 'range')));
  });

  const malformed: Readonly<Record<string, readonly [range: ReturnType<typeof rangeOf>, message: RegExp]>> = {
    'an end before the beginning': [rangeOf(10, 9, 2), /the range ends before it begins/],
    'an end before the beginning of an aggregate': [rangeOf('9.2', '9.1', 2), /the range ends before it begins/],
    'a sentinel at an end': [rangeOf('TRIM_HORIZON', 9, 2), /a range ends at records, not at TRIM_HORIZON/],
    SHARD_END: [rangeOf(1, 'SHARD_END', 2), /a range ends at records, not at SHARD_END/],
    'no records': [rangeOf(1, 2, 0), /expected recordCount to be a whole number from 1 up, got 0/],
    'half a record': [rangeOf(1, 2, 1.5), /got 1.5/],
    'a bad sub-sequence number': [rangeOf(1, 2, 2, { toSubSeqNumber: -1 }), /expected a sub-sequence number from 0 up, got -1/],
  };
  for (const [what, [range, message]] of Object.entries(malformed)) {
    it(`refuses ${what}`, () => {
      const error = thrownBy(() => assertRange(range, 'range 3'));
      expect(isInvalidValue(error)).to.equal(true);
      expect(error)
        .to.have.property('message')
        .that.matches(message)
        .and.matches(/^range 3 \(stream\/shardId-000000000000\): /);
    });
  }

  for (const field of ['fromSubSeqNumber', 'toSubSeqNumber', 'recordCount'] as const) {
    it(`refuses a range without ${field}, which can be read all the same`, () => {
      const range = { ...rangeOf(1, 2, 2), [field]: undefined };
      expect(() => assertRangeToRead(range, 'range 3')).not.to.throw();
      expect(thrownBy(() => assertRange(range, 'range 3')))
        .to.have.property('message')
        .that.equals(`range 3 (stream/shardId-000000000000): expected ${field} to be a number, got undefined`);
    });
  }
});

describe('assertRangeToRead', () => {
  it('takes whatever is left out', () => {
    const anyOpenRange = fc
      .tuple(anyRange, fc.subarray(['fromSubSeqNumber', 'toSubSeqNumber', 'recordCount']))
      .map(([range, left]) => ({ ...range, ...Object.fromEntries(left.map((field) => [field, undefined])) }));
    fc.assert(fc.property(anyOpenRange, (range) => assertRangeToRead(range, 'range')));
  });

  const hostile: Readonly<Record<string, unknown>> = {
    'a name of ten megabytes': 'x'.repeat(10_000_000),
    'a name with lines of a log': 'flights\n\u001b[31mERROR all is lost',
    'a name that is an object which throws': {
      toString: () => {
        throw new Error('mine');
      },
    },
    'no name': undefined,
  };
  for (const [what, name] of Object.entries(hostile)) {
    for (const field of ['streamName', 'shardId', 'fromSeqNumber', 'recordCount', 'toSubSeqNumber']) {
      if (name === undefined && (field === 'recordCount' || field === 'toSubSeqNumber')) continue;
      it(`refuses ${what} as ${field} in one short line`, () => {
        const error = thrownBy(() => assertRangeToRead({ ...rangeOf(1, 2, 2), [field]: name }, 'range 3'));
        expect(isInvalidValue(error)).to.equal(true);
        expect((error as Error).message.length).to.be.below(200);
        expect((error as Error).message).to.match(/^[ -~]+$/);
      });
    }
  }
});

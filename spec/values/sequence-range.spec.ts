import { expect } from 'chai';
import fc from 'fast-check';
import { isInvalidValue } from '../../lib/values/errors.js';
import {
  assertRange,
  endOf,
  joinRanges,
  mergeAdjacentRanges,
  positionToString,
  rangeToString,
  sameShard,
  SequenceNumberRanges,
  startOf,
  touch,
} from '../../lib/values/sequence-range.js';
import { anyRange } from '../support/arbitraries.js';
import { rangeOf } from '../support/ranges.js';
import { thrownBy } from '../support/thrown-by.js';

const shard1 = { shardId: 'shardId-000000000001' };

describe('SequenceNumberRanges', () => {
  it('is empty or not', () => {
    const empty = new SequenceNumberRanges([]);
    const full = new SequenceNumberRanges([rangeOf(1, 2, 2)]);

    expect([empty.isEmpty(), empty.nonEmpty(), empty.recordCount]).to.deep.equal([true, false, 0]);
    expect([full.isEmpty(), full.nonEmpty(), full.recordCount]).to.deep.equal([false, true, 2]);
  });

  it('counts the records of all ranges', () => {
    expect(new SequenceNumberRanges([rangeOf(1, 2, 2), rangeOf(9, 9, 1), rangeOf(1, 9, 40, shard1)]).recordCount).to.equal(43);
  });

  it('prints a line for people', () => {
    const ranges = new SequenceNumberRanges([rangeOf(1, '9.2', 7), rangeOf('3.1', 3, 1, { streamName: 'flights', ...shard1 })]);

    expect(String(ranges)).to.equal('stream/shardId-000000000000[1..9.2 #7], flights/shardId-000000000001[3.1..3 #1]');
    expect(String(new SequenceNumberRanges([]))).to.equal('');
  });

  it('comes back from JSON, as text or parsed', () => {
    fc.assert(
      fc.property(fc.array(anyRange, { maxLength: 5 }), (ranges) => {
        const original = new SequenceNumberRanges(ranges);
        const text = JSON.stringify(original);
        for (const json of [text, JSON.parse(text) as unknown, original.toJSON()]) {
          const read = SequenceNumberRanges.fromJSON(json);
          expect(read).to.be.instanceOf(SequenceNumberRanges);
          expect(read.ranges).to.deep.equal(ranges);
        }
      }),
    );
  });

  it('has a versioned JSON that does not change', () => {
    expect(JSON.stringify(new SequenceNumberRanges([rangeOf(1, '9.2', 7)]))).to.equal(
      '{"version":1,"ranges":[{"streamName":"stream","shardId":"shardId-000000000000","fromSeqNumber":"1","toSeqNumber":"9",' +
        '"fromSubSeqNumber":0,"toSubSeqNumber":2,"recordCount":7}]}',
    );
  });

  it('reads nothing into the ranges that does not belong there', () => {
    const json = { version: 1, ranges: [{ ...rangeOf(1, 2, 2), note: 'from elsewhere' }] };
    expect(SequenceNumberRanges.fromJSON(json).ranges).to.deep.equal([rangeOf(1, 2, 2)]);
  });

  const malformed: Readonly<Record<string, readonly [json: unknown, message: RegExp]>> = {
    'text that is no JSON': ['{"secret', /^sequence number ranges: expected JSON, got 8 characters that are not$/],
    null: [null, /expected an object with version and ranges/],
    'a number': ['7', /expected an object with version and ranges/],
    'an unknown version': [{ version: 2, ranges: [] }, /expected version 1, got 2/],
    'no version': [{ ranges: [] }, /expected version 1, got undefined/],
    'ranges that are none': [{ version: 1, ranges: {} }, /expected ranges to be an array/],
    'a range that is none': [{ version: 1, ranges: [rangeOf(1, 2, 2), null] }, /^sequence number range 1: expected a range, got object/],
    'a range without a shard': [
      { version: 1, ranges: [rangeOf(1, 2, 2, { shardId: '' })] },
      /^sequence number range 0: expected shardId to be a non-empty string/,
    ],
    'a range without a stream': [
      { version: 1, ranges: [{ ...rangeOf(1, 2, 2), streamName: undefined }] },
      /^sequence number range 0: expected streamName/,
    ],
    'a number with a sign': [
      { version: 1, ranges: [rangeOf(1, 2, 2), rangeOf(1, 2, 2), rangeOf('-1', 2, 2, shard1)] },
      /^sequence number range 2 \(stream\/shardId-000000000001\): expected a decimal sequence number, got "-1"/,
    ],
  };
  for (const [what, [json, message]] of Object.entries(malformed)) {
    it(`refuses ${what}`, () => {
      const error = thrownBy(() => SequenceNumberRanges.fromJSON(json));
      expect(isInvalidValue(error)).to.equal(true);
      expect(error).to.have.property('message').that.matches(message);
    });
  }

  it('does not repeat text that it cannot read', () => {
    expect(thrownBy(() => SequenceNumberRanges.fromJSON('{"password":"hunter2"')))
      .to.have.property('message')
      .that.does.not.include('hunter2');
  });

  it('merges what is certain to touch', () => {
    const ranges = new SequenceNumberRanges([rangeOf(1, '7.1', 9), rangeOf('7.2', '7.4', 3), rangeOf(8, 9, 2)]);
    expect(ranges.merged().ranges).to.deep.equal([rangeOf(1, '7.4', 12), rangeOf(8, 9, 2)]);
    expect(ranges.ranges).to.have.length(3);
  });
});

describe('mergeAdjacentRanges', () => {
  it('joins neighbours within one aggregate, however many', () => {
    const cuts = ['7.0', '7.1', '7.2', '7.3'].map((place) => rangeOf(place, place, 1));
    expect(mergeAdjacentRanges(cuts)).to.deep.equal([rangeOf('7.0', '7.3', 4)]);
  });

  it('leaves apart what may have something between it', () => {
    const apart = [rangeOf(7, 7, 1), rangeOf(8, 8, 1), rangeOf('9.0', '9.0', 1), rangeOf('9.2', '9.2', 1)];
    expect(mergeAdjacentRanges(apart)).to.deep.equal(apart);
  });

  it('leaves apart shards and streams', () => {
    const apart = [rangeOf(1, '7.0', 2), rangeOf('7.1', 8, 2, shard1), rangeOf('8.1', 9, 2, { streamName: 'flights', ...shard1 })];
    expect(mergeAdjacentRanges(apart)).to.deep.equal(apart);
  });

  it('keeps the order, the ends and the count', () => {
    fc.assert(
      fc.property(fc.array(anyRange, { minLength: 1, maxLength: 6 }), (ranges) => {
        const merged = mergeAdjacentRanges(ranges);
        const count = (all: typeof ranges) => all.reduce((sum, range) => sum + range.recordCount, 0);
        expect(count(merged)).to.equal(count(ranges));
        expect(startOf(merged[0]!)).to.deep.equal(startOf(ranges[0]!));
        expect(endOf(merged.at(-1)!)).to.deep.equal(endOf(ranges.at(-1)!));
      }),
    );
  });
});

describe('the parts of a range', () => {
  it('are its ends', () => {
    expect(startOf(rangeOf('3.1', '9.2', 4))).to.deep.equal({ sequenceNumber: '3', subSequenceNumber: 1 });
    expect(endOf(rangeOf('3.1', '9.2', 4))).to.deep.equal({ sequenceNumber: '9', subSequenceNumber: 2 });
  });

  it('are joined from the start of the one to the end of the other', () => {
    expect(joinRanges(rangeOf(1, '3.1', 4), rangeOf('3.2', 9, 5))).to.deep.equal(rangeOf(1, 9, 9));
  });

  it('say where it lies', () => {
    expect(sameShard(rangeOf(1, 2, 2), rangeOf(8, 9, 2))).to.equal(true);
    expect(sameShard(rangeOf(1, 2, 2), rangeOf(1, 2, 2, shard1))).to.equal(false);
    expect(sameShard(rangeOf(1, 2, 2), rangeOf(1, 2, 2, { streamName: 'flights' }))).to.equal(false);
  });

  it('touch only within one aggregate', () => {
    expect(touch(rangeOf('5.0', '5.0', 1), rangeOf('5.1', '5.1', 1))).to.equal(true);
    expect(touch(rangeOf('5.0', '5.0', 1), rangeOf('6.1', '6.1', 1))).to.equal(false);
  });

  it('touch only forwards', () => {
    expect(touch(rangeOf('7.0', '7.1', 2), rangeOf('7.2', '7.3', 2))).to.equal(true);
    expect(touch(rangeOf('7.2', '7.3', 2), rangeOf('7.0', '7.1', 2))).to.equal(false);
  });

  it('are printed, the sub-sequence number only where there is one', () => {
    expect(rangeToString(rangeOf('3.1', 9, 4))).to.equal('stream/shardId-000000000000[3.1..9 #4]');
    expect(positionToString({ sequenceNumber: '7', subSequenceNumber: 0 })).to.equal('7');
  });
});

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
});

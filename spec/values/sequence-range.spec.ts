import { expect } from 'chai';
import fc from 'fast-check';
import { comparePositions } from '../../lib/values/position.js';
import {
  endOf,
  joinRanges,
  mergeAdjacentRanges,
  positionToString,
  rangeToString,
  rangesToString,
  SequenceNumberRanges,
  startOf,
  touch,
  type RangeToRead,
} from '../../lib/values/sequence-range.js';
import { anyRange } from '../support/arbitraries.js';
import { rangeOf } from '../support/ranges.js';

const bare: RangeToRead = { streamName: 'stream', shardId: 'shardId-000000000000', fromSeqNumber: '3', toSeqNumber: '9' };
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
});

describe('mergeAdjacentRanges', () => {
  it('merges what is certain to touch, and changes nothing in place', () => {
    const ranges = [rangeOf(1, '7.1', 9), rangeOf('7.2', '7.4', 3), rangeOf(8, 9, 2)];
    expect(mergeAdjacentRanges(ranges)).to.deep.equal([rangeOf(1, '7.4', 12), rangeOf(8, 9, 2)]);
    expect(ranges).to.have.length(3);
  });

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

describe('rangesToString', () => {
  it('names three ranges at most', () => {
    const ranges = [1, 2, 3, 4, 5].map((number) => rangeOf(number, number, 1));
    expect(rangesToString(ranges.slice(0, 3))).to.equal(ranges.slice(0, 3).map(rangeToString).join(', '));
    expect(rangesToString(ranges)).to.equal(`${ranges.slice(0, 3).map(rangeToString).join(', ')} and 2 more`);
  });
});

describe('a range with open ends', () => {
  it('begins with its first aggregate and ends behind all of its last', () => {
    expect(startOf(bare)).to.deep.equal({ sequenceNumber: '3', subSequenceNumber: 0 });
    expect(endOf(bare).sequenceNumber).to.equal('9');
    expect(comparePositions(endOf(bare), { sequenceNumber: '9', subSequenceNumber: 1_000_000 })).to.be.above(0);
    expect(comparePositions(endOf(bare), endOf(bare))).to.equal(0);
  });

  it('is not known to touch another', () => {
    expect(touch(bare, { ...bare, fromSeqNumber: '9', toSeqNumber: '9' })).to.equal(false);
    expect(touch({ ...bare, toSubSeqNumber: 0 }, { ...bare, fromSeqNumber: '9', fromSubSeqNumber: 1 })).to.equal(true);
  });

  it('has no count when it is joined to one without', () => {
    const [a, b] = [rangeOf(1, '3.1', 4), { ...rangeOf('3.2', 9, 1), recordCount: undefined }];
    expect(mergeAdjacentRanges<RangeToRead>([a, b])).to.deep.equal([{ ...rangeOf(1, 9, 1), recordCount: undefined }]);
  });

  it('adds nothing to the number of records that is known', () => {
    expect(new SequenceNumberRanges<RangeToRead>([bare, rangeOf(1, 2, 2)]).recordCount).to.equal(2);
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

  it('touch only within one aggregate', () => {
    expect(touch(rangeOf('5.0', '5.0', 1), rangeOf('5.1', '5.1', 1))).to.equal(true);
    expect(touch(rangeOf('5.0', '5.0', 1), rangeOf('6.1', '6.1', 1))).to.equal(false);
  });

  it('touch only forwards', () => {
    expect(touch(rangeOf('7.0', '7.1', 2), rangeOf('7.2', '7.3', 2))).to.equal(true);
    expect(touch(rangeOf('7.2', '7.3', 2), rangeOf('7.0', '7.1', 2))).to.equal(false);
  });

  it('are printed, the sub-sequence number and the count only where there is one', () => {
    expect(rangeToString(rangeOf('3.1', 9, 4))).to.equal('stream/shardId-000000000000[3.1..9 #4]');
    expect(rangeToString(bare)).to.equal('stream/shardId-000000000000[3..9]');
    expect(positionToString({ sequenceNumber: '7', subSequenceNumber: 0 })).to.equal('7');
  });
});

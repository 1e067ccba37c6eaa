import { expect } from 'chai';
import fc from 'fast-check';
import { record } from '../../lib/testing/record.js';
import { blockId, makeBlock } from '../../lib/values/block.js';
import { SequenceNumberRanges, wholeRangesFromJson } from '../../lib/values/ranges-json.js';
import { rangeToString, type SequenceNumberRange } from '../../lib/values/sequence-range.js';
import { anyRange } from '../support/arbitraries.js';
import { rangeOf } from '../support/ranges.js';

const anyRanges = fc.array(anyRange, { minLength: 1, maxLength: 4 });

function idOf(...ranges: readonly SequenceNumberRange[]): string {
  return blockId(new SequenceNumberRanges(ranges));
}

describe('makeBlock', () => {
  it('gives a block the id of its ranges', () => {
    const ranges = new SequenceNumberRanges([rangeOf(1, 2, 2)]);
    const records = [record(1), record(2)];

    expect(makeBlock(records, ranges)).to.deep.equal({ id: blockId(ranges), records, ranges, recovered: false });
    expect(makeBlock(records, ranges, true)).to.include({ id: blockId(ranges), ranges, recovered: true });
  });
});

describe('blockId', () => {
  // These stand in users' databases: a change to them is a breaking one.
  it('is the same in every process and release', () => {
    expect(idOf()).to.equal('empty');
    expect(
      idOf(
        rangeOf('49590338271490256608559692538361571095921575989136588898', '49590338271490256608559692538361571095921575989136588900', 3),
      ),
    ).to.equal(
      'stream/shardId-000000000000/49590338271490256608559692538361571095921575989136588898-49590338271490256608559692538361571095921575989136588900/3',
    );
    expect(idOf(rangeOf('7.1', '9.2', 12))).to.equal('stream/shardId-000000000000/7.1-9.2/12');
    expect(idOf(rangeOf(1, 2, 2), rangeOf(4, 5, 2))).to.equal('stream/shardId-000000000000/1-2/2+1-0adda3e83338c696');
    expect(idOf(rangeOf(1, 2, 2), rangeOf(4, 5, 2), rangeOf(3, 3, 1, { shardId: 'shardId-000000000001' }))).to.equal(
      'stream/shardId-000000000000/1-2/2+2-96b973c64e6b68bc',
    );
  });

  it('is the same for ranges that are equal, whatever the order of their fields', () => {
    fc.assert(
      fc.property(anyRanges, (ranges) => {
        const turned = ranges.map((range) => Object.fromEntries(Object.entries(range).reverse()) as unknown as SequenceNumberRange);
        expect(idOf(...turned)).to.equal(idOf(...ranges));
        expect(idOf(...wholeRangesFromJson(new SequenceNumberRanges(turned).toJSON()).ranges)).to.equal(idOf(...ranges));
      }),
    );
  });

  it('differs for ranges that differ', () => {
    fc.assert(
      fc.property(anyRanges, anyRanges, (a, b) => {
        const text = (ranges: readonly SequenceNumberRange[]) => ranges.map(rangeToString).join();
        fc.pre(text(a) !== text(b));
        expect(idOf(...a)).not.to.equal(idOf(...b));
      }),
    );
  });

  it('differs when one field of one range does', () => {
    const change = fc.constantFrom<(range: SequenceNumberRange) => SequenceNumberRange>(
      (range) => ({ ...range, streamName: `${range.streamName}2` }),
      (range) => ({ ...range, shardId: `${range.shardId}2` }),
      (range) => ({ ...range, fromSeqNumber: String(BigInt(range.fromSeqNumber) + 1n) }),
      (range) => ({ ...range, toSeqNumber: String(BigInt(range.toSeqNumber) + 1n) }),
      (range) => ({ ...range, fromSubSeqNumber: range.fromSubSeqNumber + 1 }),
      (range) => ({ ...range, toSubSeqNumber: range.toSubSeqNumber + 1 }),
      (range) => ({ ...range, recordCount: range.recordCount + 1 }),
    );
    fc.assert(
      fc.property(anyRanges, fc.nat(), change, (ranges, at, changed) => {
        const index = at % ranges.length;
        expect(idOf(...ranges.map((range, i) => (i === index ? changed(range) : range)))).not.to.equal(idOf(...ranges));
      }),
    );
  });

  it('differs for 20 000 blocks with the same first range', () => {
    const ids = Array.from({ length: 20_000 }, (_, i) => idOf(rangeOf(1, 2, 2), rangeOf(4 + i, 5 + i, 2)));
    expect(new Set(ids).size).to.equal(ids.length);
  });

  it('differs when the order of the ranges does', () => {
    const [a, b, c] = [rangeOf(1, 2, 2), rangeOf(4, 5, 2), rangeOf(8, 9, 2)] as const;
    expect(idOf(a, b, c)).not.to.equal(idOf(a, c, b));
  });
});

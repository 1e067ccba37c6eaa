import { expect } from 'chai';
import fc from 'fast-check';
import { isOutOfOrder } from '../../lib/ledger/errors.js';
import { entriesOf, openBlock, replaceBlock } from '../../lib/tracking/tracked-block.js';
import { record } from '../../lib/testing/record.js';
import { blockId } from '../../lib/values/block.js';
import { comparePositions } from '../../lib/values/position.js';
import type { KinesisRecord } from '../../lib/values/record.js';
import { endOf, SequenceNumberRanges, startOf } from '../../lib/values/sequence-range.js';
import { bareShard, deliver, ledgerWith } from '../support/delivery.js';
import { rangeOf } from '../support/ranges.js';
import { thrownBy } from '../support/thrown-by.js';

const SHARD_1 = 'shardId-000000000001';

/** Two shards with records 1 to 4 each. */
function twoShards() {
  const shards = [bareShard(), bareShard(SHARD_1)] as const;
  return { shards, a: deliver(shards[0], [1, 2, 3, 4]), b: deliver(shards[1], [1, 2, 3, 4]) };
}

describe('openBlock', () => {
  it('gives a block one range for records that were read one after the other, over pages', () => {
    const { shard, records } = ledgerWith(1, 2);
    const block = openBlock([...records, ...deliver(shard, [3])]);

    expect(block.ranges.ranges).to.deep.equal([rangeOf(1, 3, 3)]);
    expect([block.id, block.recovered, block.records.length]).to.deep.equal([blockId(block.ranges), false, 3]);
    expect(openBlock(deliver(shard, [4]), true).recovered).to.equal(true);
  });

  it('cuts a run where a filter took a record away', () => {
    const { records } = ledgerWith(1, 2, 3, 4, 5, 6);
    const block = openBlock(records.filter(({ sequenceNumber }) => !['1', '3'].includes(sequenceNumber)));

    expect(block.ranges.ranges).to.deep.equal([rangeOf(2, 2, 1), rangeOf(4, 6, 3)]);
  });

  it('cuts a run where an earlier process had settled a record', () => {
    const { records } = ledgerWith(1, { sequenceNumber: 2, isSkipped: true }, 3);
    expect(openBlock(records).ranges.ranges).to.deep.equal([rangeOf(1, 1, 1), rangeOf(3, 3, 1)]);
  });

  it('keeps the sub-sequence numbers at both ends', () => {
    const { records } = ledgerWith(
      { sequenceNumber: 7, subSequenceNumber: 1 },
      { sequenceNumber: 7, subSequenceNumber: 2 },
      { sequenceNumber: 8, subSequenceNumber: 0 },
      { sequenceNumber: 8, subSequenceNumber: 1 },
    );
    expect(openBlock(records).ranges.ranges).to.deep.equal([rangeOf('7.1', '8.1', 4)]);
  });

  it('cuts a run where the shard changes, and opens one entry a shard', () => {
    const { shards, a, b } = twoShards();
    const block = openBlock([a[0]!, b[0]!, b[1]!, a[1]!, a[3]!]);
    const other = { shardId: SHARD_1 };

    expect(block.ranges.ranges).to.deep.equal([rangeOf(1, 1, 1), rangeOf(1, 2, 2, other), rangeOf(2, 2, 1), rangeOf(4, 4, 1)]);
    const entries = entriesOf(block.ranges);
    expect(entries.map(({ shard, entry }) => [shard, entry.records, entry.bytes, entry.end.sequenceNumber])).to.deep.equal([
      [shards[0], 3, 3, '4'],
      [shards[1], 2, 2, '2'],
    ]);
  });

  it('lets each shard settle by itself', () => {
    const { shards, a, b } = twoShards();
    const block = openBlock([a[0]!, b[0]!]);
    const [first, second] = entriesOf(block.ranges);
    shards[0].ledger.settle(first!.entry);
    expect(shards.map(({ ledger }) => ledger.watermark?.sequenceNumber)).to.deep.equal(['1', undefined]);
    shards[1].ledger.settle(second!.entry);
    expect(shards.map(({ ledger }) => ledger.watermark?.sequenceNumber)).to.deep.equal(['1', '1']);
  });

  it('counts the bytes of the records it holds and of no other', () => {
    const { ledger, records } = ledgerWith(...[5, 7, 11, 13].map((bytes, i) => ({ sequenceNumber: i + 1, bytes })));
    const [tracked] = entriesOf(openBlock([records[1]!, records[3]!]).ranges);
    expect([tracked?.entry.bytes, ledger.outstandingBytes]).to.deep.equal([20, 20]);
  });

  it('refuses records that come twice or in the wrong order', () => {
    const { a, b } = twoShards();
    openBlock([a[1]!]);
    for (const records of [[a[1]!], [a[0]!, a[2]!], [a[3]!, a[2]!], [b[0]!, a[2]!, b[0]!]])
      expect(isOutOfOrder(thrownBy(() => openBlock(records)))).to.equal(true);
  });

  it('names exactly its records, whatever was filtered', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.boolean()), { minLength: 1, maxLength: 40 }), (choices) => {
        const { shards, a, b } = {
          shards: [bareShard(), bareShard(SHARD_1)] as const,
          a: [] as KinesisRecord[],
          b: [] as KinesisRecord[],
        };
        const all = choices.map(([isFirst], i) => deliver(shards[isFirst ? 0 : 1], [i])[0]!);
        for (const record of all) (record.shardId === SHARD_1 ? b : a).push(record);
        const kept = all.filter((_, i) => choices[i]![1]);
        fc.pre(kept.length > 0);
        const { ranges } = openBlock(kept);

        const named = ranges.ranges.flatMap((range) => {
          const own = (range.shardId === SHARD_1 ? b : a).filter(
            (item) => comparePositions(startOf(range), item) <= 0 && comparePositions(item, endOf(range)) <= 0,
          );
          expect(own).to.have.length(range.recordCount);
          return own;
        });
        expect(named).to.deep.equal(kept);
      }),
    );
  });

  describe('of records made by hand', () => {
    it('has ranges and no entry', () => {
      const block = openBlock([record(1), record(5), record(2, { shardId: SHARD_1 })]);
      expect(block.ranges.ranges).to.deep.equal([rangeOf(1, 5, 2), rangeOf(2, 2, 1, { shardId: SHARD_1 })]);
      expect(entriesOf(block.ranges)).to.deep.equal([]);
    });

    it('holds copies of delivered ones, which claim nothing', () => {
      const { ledger, records } = ledgerWith(1, 2);
      expect(entriesOf(openBlock(records.map((item) => ({ ...item }))).ranges)).to.deep.equal([]);
      expect(ledger.isTracked).to.equal(false);
    });

    it('may hold delivered ones too, which have their entry', () => {
      const { shard, records } = ledgerWith(1, 2);
      const block = openBlock([record(0), ...records, record(3)]);
      expect(block.ranges.ranges).to.deep.equal([rangeOf(0, 0, 1), rangeOf(1, 2, 2), rangeOf(3, 3, 1)]);
      expect(entriesOf(block.ranges).map((tracked) => [tracked.shard, tracked.entry.records])).to.deep.equal([[shard, 2]]);
    });
  });

  it('makes 50 000 records of one block', () => {
    const { records } = ledgerWith(...Array.from({ length: 50_000 }, (_, i) => i));
    expect(openBlock(records).ranges.ranges).to.deep.equal([rangeOf(0, 49_999, 50_000)]);
  });
});

describe('entriesOf', () => {
  it('goes by the instance of the ranges', () => {
    const block = openBlock(ledgerWith(1).records);
    expect(entriesOf(block.ranges)).to.have.length(1);
    expect(entriesOf(new SequenceNumberRanges(block.ranges.ranges))).to.deep.equal([]);
  });
});

describe('replaceBlock', () => {
  it('lets another block settle in place of a lost one, once', () => {
    const { ledger, records } = ledgerWith(1, 2);
    const lost = openBlock(records).ranges;
    const replacement = new SequenceNumberRanges(lost.ranges);
    replaceBlock(lost, replacement);
    const [tracked] = entriesOf(replacement);

    expect(ledger.openEntries()[0]?.key).to.equal(replacement);
    ledger.settle(tracked!.entry);
    ledger.settle(entriesOf(lost)[0]!.entry);
    expect([ledger.watermark?.sequenceNumber, ledger.outstandingRecords]).to.deep.equal(['2', 0]);
  });
});

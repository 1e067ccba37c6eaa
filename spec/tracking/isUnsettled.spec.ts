import { expect } from 'chai';
import { block as blockByHand, record } from '../../lib/testing/index.js';
import { isUnsettled } from '../../lib/tracking/isUnsettled.js';
import { openBlock } from '../../lib/tracking/tracked-block.js';
import { SequenceNumberRanges } from '../../lib/values/sequence-range.js';
import { bareShard, deliver, ledgerWith } from '../support/delivery.js';
import { settle } from '../support/hand-fed-shard.js';

describe('isUnsettled', () => {
  it('holds for a delivered record, also in an array, among others, or deeper', () => {
    const [delivered] = ledgerWith(1).records;
    for (const value of [delivered, [delivered], [undefined, record(7), delivered], [[record(7)], [[delivered]]]]) {
      expect(isUnsettled(value)).to.equal(true);
    }
  });

  it('does not hold for a record made by hand, nor for a copy of a delivered one', () => {
    const [delivered] = ledgerWith(1).records;
    for (const value of [record(1), [record(1), record(2)], { ...delivered! }]) expect(isUnsettled(value)).to.equal(false);
  });

  it('holds for a block until it is settled', () => {
    const block = openBlock(ledgerWith(1, 2).records);
    expect(isUnsettled(block)).to.equal(true);
    settle(block);
    expect(isUnsettled(block)).to.equal(false);
  });

  it('holds for a block of two shards until it is settled in both', () => {
    const [one, other] = [bareShard(), bareShard('shardId-000000000001')];
    const [a] = deliver(one, [1]);
    const [b] = deliver(other, [1]);
    const block = openBlock([a!, b!]);
    const firstOnly = openBlock(deliver(one, [2]));
    settle(firstOnly);
    expect(isUnsettled(block)).to.equal(true);
    settle(block);
    expect(isUnsettled(block)).to.equal(false);
  });

  it('holds for whatever carries the ranges of an open block, and for an array of blocks of which one is open', () => {
    const { shard, records } = ledgerWith(1);
    const done = openBlock(records);
    const open = openBlock(deliver(shard, [2]));
    settle(done);
    expect(isUnsettled({ ranges: open.ranges, result: 'of the work' })).to.equal(true);
    expect(isUnsettled([done, open])).to.equal(true);
    expect(isUnsettled([done, done])).to.equal(false);
  });

  it('does not hold for a block made by hand, nor for a copy of the ranges of an open one', () => {
    const open = openBlock(ledgerWith(1).records);
    expect(isUnsettled(blockByHand(1, 2))).to.equal(false);
    expect(isUnsettled({ ranges: new SequenceNumberRanges(open.ranges.ranges) })).to.equal(false);
  });

  it('does not hold for, nor stumble over, any other value', () => {
    const values = [undefined, null, 0, 7, '', 'text', true, Symbol('s'), () => 1, {}, [], [[]], { ranges: 'text' }, { ranges: undefined }];
    for (const value of values) expect(isUnsettled(value)).to.equal(false);
  });
});

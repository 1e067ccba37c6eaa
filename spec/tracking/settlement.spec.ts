import { expect } from 'chai';
import { memoryCheckpoints } from '../../lib/checkpoints/memoryCheckpoints.js';
import { Settlement } from '../../lib/tracking/settlement.js';
import { openBlock } from '../../lib/tracking/tracked-block.js';
import { block, record } from '../../lib/testing/index.js';
import { isInvalidConfig } from '../../lib/values/errors.js';
import { SequenceNumberRanges } from '../../lib/values/sequence-range.js';
import { handFedShard } from '../support/hand-fed-shard.js';

const OTHER = { shardId: 'shardId-000000000001' };
const watermarksOf = (settlement: Settlement): (string | undefined)[] =>
  settlement.accounts.map(({ ledger }) => ledger.watermark?.sequenceNumber);

describe('Settlement', () => {
  describe('of blocks that come from a shard', () => {
    it('moves the watermark to the end of the longest settled prefix, whatever the order', () => {
      const { account, block: make } = handFedShard();
      const [a, b, c, d] = [make(1, 2), make(3), make(4, 5), make(6)];
      const settlement = new Settlement(undefined);
      const seen = [c, a, d, b].map(({ ranges }) => {
        settlement.settle(ranges);
        return account.ledger.watermark?.sequenceNumber;
      });
      expect(seen).to.deep.equal([undefined, '2', '2', '6']);
      expect(settlement.accounts).to.deep.equal([account]);
    });

    it('knows a block by its ranges alone, and settles it once', () => {
      const { account, block: make } = handFedShard();
      const [a, b] = [make(1), make(2)];
      const settlement = new Settlement(undefined);
      for (const { ranges } of [{ ranges: b.ranges }, { ranges: b.ranges }]) settlement.settle(ranges);
      expect(account.ledger.watermark).to.equal(undefined);
      expect(account.ledger.outstandingRecords).to.equal(1);
      settlement.settle(a.ranges);
      expect(account.ledger.watermark).to.deep.equal({ sequenceNumber: '2', subSequenceNumber: 0 });
    });

    it('settles each shard of a block of several', () => {
      const [one, two] = [handFedShard(), handFedShard({}, OTHER.shardId)];
      const mixed = openBlock([...one.deliver(1, 2), ...two.deliver(10)]);
      const settlement = new Settlement(undefined);
      settlement.settle(mixed.ranges);
      expect(settlement.accounts).to.deep.equal([one.account, two.account]);
      expect(watermarksOf(settlement)).to.deep.equal(['2', '10']);
    });

    it('lets go of an account, and takes it up again with its next block', () => {
      const { account, block: make } = handFedShard();
      const settlement = new Settlement(undefined);
      settlement.settle(make(1).ranges);
      settlement.forget(account);
      expect(settlement.accounts).to.deep.equal([]);
      settlement.settle(make(2).ranges);
      expect(settlement.accounts).to.deep.equal([account]);
    });
  });

  describe('of blocks made by hand', () => {
    it('moves the watermark in order of arrival, and never back', () => {
      const settlement = new Settlement(memoryCheckpoints());
      const seen = [block(3), block(10, 12), block(5), block(100)].map(({ ranges }) => {
        settlement.settle(ranges);
        return watermarksOf(settlement);
      });
      expect(seen).to.deep.equal([['3'], ['12'], ['12'], ['100']]);
    });

    it('keeps an account for each shard of each stream', () => {
      const settlement = new Settlement(memoryCheckpoints());
      settlement.settle(block(record(1), record(7, OTHER), record(3, { streamName: 'other' })).ranges);
      settlement.settle(block(record(2)).ranges);
      expect(watermarksOf(settlement)).to.deep.equal(['2', '7', '3']);
      const stores = settlement.accounts.map(({ stores: [store] }) => store);
      expect(new Set(stores)).to.have.property('size', 1);
    });

    it('needs a store', () => {
      expect(() => new Settlement(undefined).settle(block(1).ranges))
        .to.throw(/stream\/shardId-000000000000: .* needs the option store/)
        .that.satisfies(isInvalidConfig);
    });

    it('also holds for copied records', () => {
      const { account, deliver } = handFedShard();
      const copied = openBlock(deliver(1).map((original) => ({ ...original })));
      const settlement = new Settlement(memoryCheckpoints());
      settlement.settle(copied.ranges);
      expect(settlement.accounts).to.have.length(1).and.not.include(account);
    });
  });

  it('has nothing to settle in empty ranges', () => {
    const settlement = new Settlement(undefined);
    settlement.settle(new SequenceNumberRanges([]));
    expect(settlement.accounts).to.deep.equal([]);
  });
});

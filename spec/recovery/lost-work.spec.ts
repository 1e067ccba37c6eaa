import { expect } from 'chai';
import { collectGarbage, heldOf } from '../support/collect-garbage.js';
import { LostWork, type Lost } from '../../lib/recovery/lost-work.js';
import { entriesOf, openBlock, replaceBlock } from '../../lib/tracking/tracked-block.js';
import { block, record } from '../../lib/testing/index.js';
import type { Block } from '../../lib/values/block.js';
import { SequenceNumberRanges } from '../../lib/values/sequence-range.js';
import { bareShard, deliver, ledgerWith } from '../support/delivery.js';

function settle({ ranges }: Pick<Block, 'ranges'>): void {
  for (const { shard, entry } of entriesOf(ranges)) shard.ledger.settle(entry);
}

/** What is lost, in short: blocks by their text, pieces by their ends and by what of them is not lost. */
function inShort({ blocks, records, shards }: Lost) {
  return {
    blocks: blocks.map((ranges) => ranges.toString().replaceAll(/.*?\[(.*?) .*?\]/g, '$1')),
    records: records.map(({ run, after, asBlocks }) => {
      const from = `${run.first.sequenceNumber}..${run.last.sequenceNumber}`;
      return `${from} after ${after.position?.sequenceNumber ?? 'none'}${asBlocks ? ' as blocks' : ''}`;
    }),
    shards: shards.map(({ identity }) => Number(identity.shardId.slice(-12))),
  };
}

const NOTHING = { blocks: [], records: [], shards: [] };

describe('LostWork', () => {
  it('has nothing to say of shards of which nothing has passed', () => {
    ledgerWith(1, 2);
    expect(inShort(new LostWork().find())).to.deep.equal(NOTHING);
  });

  it('passes over blocks and records made by hand', () => {
    const lost = new LostWork();
    lost.notePassed(block(1, 2));
    lost.notePassed(record(3));
    expect(inShort(lost.find())).to.deep.equal(NOTHING);
  });

  describe('where blocks pass', () => {
    it('misses the blocks that were made and have not passed, and the records in none', () => {
      const lost = new LostWork();
      const { records } = ledgerWith(1, 2, 3, 4, 5);
      lost.notePassed(openBlock(records.slice(0, 1)));
      openBlock(records.slice(1, 2));
      openBlock(records.slice(2, 3));

      expect(inShort(lost.find())).to.deep.equal({ blocks: ['2..2', '3..3'], records: ['1..5 after 3 as blocks'], shards: [0] });
    });

    it('misses no block that has passed, whether it is settled or not', () => {
      const lost = new LostWork();
      const { records } = ledgerWith(1, 2);
      const [a, b] = records.map((item) => openBlock([item]));
      lost.notePassed(a!);
      lost.notePassed(b!);
      settle(b!);
      expect(inShort(lost.find())).to.deep.equal({ blocks: [], records: [], shards: [0] });
    });

    it('misses no records that a filter dropped before a later block', () => {
      const lost = new LostWork();
      const { shard, records } = ledgerWith(1, 2, 3);
      deliver(shard, [4, 5]);
      lost.notePassed(openBlock([records[2]!]));
      expect(inShort(lost.find()).records).to.deep.equal(['4..5 after 3 as blocks']);
    });

    it('misses nothing of what has come again', () => {
      const lost = new LostWork();
      const { records } = ledgerWith(1, 2);
      lost.notePassed(openBlock([records[0]!]));
      const { ranges } = openBlock([records[1]!]);
      const again = new SequenceNumberRanges(ranges.ranges);
      expect(lost.find().blocks).to.deep.equal([ranges]);
      replaceBlock(ranges, again);
      expect(lost.find().blocks[0]).to.equal(again);
      lost.notePassed({ id: '', records: [], ranges: again, recovered: true });
      expect(inShort(lost.find()).blocks).to.deep.equal([]);
    });

    it('knows a block that came again further up by its new instance', () => {
      const [upper, lower] = [new LostWork(), new LostWork()];
      const { records } = ledgerWith(1);
      const first = openBlock(records);
      const again = { ...first, ranges: new SequenceNumberRanges(first.ranges.ranges) };
      replaceBlock(first.ranges, again.ranges);
      upper.notePassed(again);
      lower.noteLost(again.ranges);
      const { blocks } = lower.find();
      expect([blocks.length, blocks[0] === again.ranges]).to.deep.equal([1, true]);
    });
  });

  describe('where records pass', () => {
    it('misses those after the last that passed, of whichever page', () => {
      const lost = new LostWork();
      const { shard, records } = ledgerWith(1, 2, 3);
      deliver(shard, [4, 5]);
      lost.notePassed(records[1]!);
      expect(inShort(lost.find())).to.deep.equal({ blocks: [], records: ['1..3 after 2', '4..5 after 2'], shards: [0] });
      lost.notePassed(records[2]!);
      expect(inShort(lost.find()).records).to.deep.equal(['4..5 after 3']);
    });

    it('misses no blocks: those are made further down', () => {
      const lost = new LostWork();
      const { records } = ledgerWith(1, 2);
      lost.notePassed(records[0]!);
      lost.notePassed(records[1]!);
      openBlock(records);
      expect(inShort(lost.find())).to.deep.equal({ blocks: [], records: [], shards: [0] });
    });

    it('keeps the place of a record, and not the record', () => {
      const lost = new LostWork();
      const { records } = ledgerWith({ sequenceNumber: 1, subSequenceNumber: 3 }, 2);
      lost.notePassed(records[0]!);
      const [piece] = lost.find().records;
      expect(piece?.after).to.deep.equal({ ordinal: 1, position: { sequenceNumber: '1', subSequenceNumber: 3 }, bytesThrough: 1 });
      expect(piece?.run.last).to.deep.equal({ sequenceNumber: '2', subSequenceNumber: 0 });
    });
  });

  describe('of blocks that an error names', () => {
    it('misses them until they have come again', () => {
      const lost = new LostWork();
      const named = block(1, 2).ranges;
      lost.noteLost(named);
      lost.noteLost(named);
      expect(lost.find().blocks).to.deep.equal([named]);
      lost.noteRecovered(named);
      expect(inShort(lost.find())).to.deep.equal(NOTHING);
    });

    it('misses each once, in the order in which they were read', () => {
      const lost = new LostWork();
      const { records } = ledgerWith(1, 2, 3);
      const [a, b] = records.map((item) => openBlock([item]));
      const foreign = block(9).ranges;
      lost.noteLost(foreign);
      lost.noteLost(b!.ranges);
      lost.notePassed(a!);
      expect(inShort(lost.find())).to.deep.equal({ blocks: ['2..2', '3..3', '9..9'], records: [], shards: [0] });
    });

    it('reads their shards on, although nothing has passed', () => {
      const lost = new LostWork();
      const { records } = ledgerWith(1, 2);
      lost.noteLost(openBlock([records[0]!]).ranges);
      expect(inShort(lost.find())).to.deep.equal({ blocks: ['1..1'], records: ['1..2 after 1 as blocks'], shards: [0] });
    });
  });

  describe('of two shards', () => {
    it('reads on both of a block that is lost, although nothing of one has passed', () => {
      const lost = new LostWork();
      const [a, b] = [bareShard(), bareShard('shardId-000000000001')];
      const [a1, a2] = deliver(a, [1, 2]);
      const [b1] = deliver(b, [1, 2]);
      lost.notePassed(openBlock([a1!]));
      openBlock([a2!, b1!]);

      const found = lost.find();
      expect(found.shards).to.deep.equal([a, b]);
      expect(found.blocks).to.have.length(1);
      expect(inShort(found).records).to.deep.equal(['1..2 after 1 as blocks']);
    });

    it('misses the blocks of each in the order in which they were read', () => {
      const lost = new LostWork();
      const [a, b] = [bareShard(), bareShard('shardId-000000000001')];
      const [a1, a2, a3] = deliver(a, [1, 2, 3]);
      const [b1, b2, b3] = deliver(b, [1, 2, 3]);
      lost.notePassed(openBlock([a1!, b1!]));
      const [ofB, ofBoth, ofA] = [openBlock([b2!]), openBlock([a2!, b3!]), openBlock([a3!])];

      const blocks = lost.find().blocks.map((ranges) => [ofB, ofBoth, ofA].findIndex((block) => block.ranges === ranges));
      expect(blocks).to.deep.equal([0, 1, 2]);
    });

    it('forgets those that are finished', () => {
      const lost = new LostWork();
      const done = ledgerWith(1);
      const last = openBlock(done.records);
      lost.notePassed(last);
      done.ledger.end();
      expect(lost.find().shards).to.deep.equal([done.shard]);
      settle(last);
      expect(inShort(lost.find())).to.deep.equal(NOTHING);
    });

    it('forgets them without a failure, too', () => {
      const lost = new LostWork();
      const [done, living] = [ledgerWith(1), ledgerWith(1)];
      const only = openBlock(done.records);
      lost.notePassed(only);
      settle(only);
      done.ledger.end();
      lost.notePassed(openBlock(living.records));
      // If it were still there, it would be seen again when it is no longer finished.
      done.ledger.restart();
      expect(lost.find().shards).to.deep.equal([living.shard]);
    });

    it('forgets those whose lease is lost: another worker reads them', async () => {
      const lost = new LostWork();
      const leave = (): WeakRef<object> => {
        const { shard, records } = ledgerWith(2);
        lost.notePassed(openBlock(records.slice(0, 1)));
        shard.lose();
        return new WeakRef(shard);
      };
      const left = Array.from({ length: 10 }, leave);
      const living = ledgerWith(1);
      lost.notePassed(openBlock(living.records));
      await collectGarbage();
      expect(heldOf(left)).to.equal(0);
      expect(lost.find().shards).to.deep.equal([living.shard]);
    });
  });
});

import { expect } from 'chai';
import { Settlement } from '../../lib/tracking/settlement.js';
import { WatermarkWatch } from '../../lib/tracking/watermark-watch.js';
import { handFedShard, type HandFedShard } from '../support/hand-fed-shard.js';

const heldIn = ({ events }: HandFedShard): unknown[] =>
  events.flatMap((event) => (event.type === 'watermarkHeld' ? [[event.ranges[0]?.fromSeqNumber, event.heldMs]] : []));

describe('WatermarkWatch', () => {
  let watch: WatermarkWatch;
  let settlement: Settlement;
  let shard: HandFedShard;

  beforeEach(() => {
    watch = new WatermarkWatch();
    settlement = new Settlement(undefined);
    shard = handFedShard();
  });

  it('sees nothing in a shard where all is settled, or nothing is, or the first blocks are', () => {
    expect(watch.look(shard.account, 0)).to.equal(false);
    const [first] = [shard.block(1), shard.block(2)];
    expect(watch.look(shard.account, 10)).to.equal(false);
    settlement.settle(first.ranges);
    expect(watch.look(shard.account, 20)).to.equal(false);
    expect(watch.look(shard.account, 30)).to.equal(false);
    expect(heldIn(shard)).to.deep.equal([]);
  });

  it('asks to look again at a block that is passed by a later one, and reports it, once, if it still holds then', () => {
    shard.block(1);
    settlement.settle(shard.block(2).ranges);
    expect([watch.look(shard.account, 30), watch.look(shard.account, 70), watch.look(shard.account, 90)]).to.deep.equal([
      true,
      false,
      false,
    ]);
    expect(heldIn(shard)).to.deep.equal([['1', 40]]);
  });

  it('does not report one that is settled in between', () => {
    const slow = shard.block(1);
    settlement.settle(shard.block(2).ranges);
    watch.look(shard.account, 30);
    settlement.settle(slow.ranges);
    expect(watch.look(shard.account, 60)).to.equal(false);
    expect(heldIn(shard)).to.deep.equal([]);
  });

  it('begins anew with another block', () => {
    const [slow] = [shard.block(1), shard.block(2)];
    settlement.settle(shard.block(3).ranges);
    watch.look(shard.account, 30);
    settlement.settle(slow.ranges);
    expect(watch.look(shard.account, 60)).to.equal(true);
    watch.look(shard.account, 75);
    expect(heldIn(shard)).to.deep.equal([['2', 15]]);
  });

  it('keeps shards apart', () => {
    const other = handFedShard({}, 'shardId-000000000001');
    for (const tracked of [shard, other]) {
      tracked.block(1);
      settlement.settle(tracked.block(2).ranges);
    }
    expect(watch.look(shard.account, 0)).to.equal(true);
    expect(watch.look(other.account, 5)).to.equal(true);
    watch.look(shard.account, 10);
    expect([heldIn(shard), heldIn(other)]).to.deep.equal([[['1', 10]], []]);
  });

  it('reports every block that is open at the end', () => {
    const blocks = [shard.block(1), shard.block(2), shard.block(3)];
    settlement.settle(blocks[1]!.ranges);
    watch.end(shard.account);
    expect(heldIn(shard)).to.deep.equal([
      ['1', 0],
      ['3', 0],
    ]);
  });
});

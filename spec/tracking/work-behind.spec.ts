import { expect } from 'chai';
import { handFedShard, settle } from '../support/hand-fed-shard.js';

const FAILED = { completed: false, leavesWork: true, leavesRecords: false };

describe('ShardPipeline.hasWorkBehind, after the end of a pipeline,', () => {
  it('is true until the blocks that the pipeline has emitted are settled, whatever the order; it does not mind the others', () => {
    const { account, block } = handFedShard();
    const [a, b, c] = [block(1), block(2), block(3)];
    account.pipeline.begin();
    expect(account.pipeline.hasWorkBehind).to.equal(false);
    account.pipeline.end({ ...FAILED, isBehind: (ranges) => ranges !== b.ranges });
    expect(account.pipeline.hasWorkBehind).to.equal(true);
    settle(c);
    expect(account.pipeline.hasWorkBehind).to.equal(true);
    settle(a);
    expect(account.pipeline.hasWorkBehind).to.equal(false);
  });

  it('is true until the stored blocks that the pipeline has emitted are released, though they are settled', () => {
    const { account, block } = handFedShard();
    const stored = block(1);
    account.unreleased.add(stored.ranges);
    settle(stored);
    account.pipeline.begin();
    account.pipeline.end({ completed: false, leavesWork: false, leavesRecords: false, isBehind: () => true });
    expect(account.pipeline.hasWorkBehind).to.equal(true);
    account.release(stored.ranges);
    expect(account.pipeline.hasWorkBehind).to.equal(false);
  });

  it('is true for every open block, later ones too, when the pipeline has emitted records', () => {
    const { account, block, deliver } = handFedShard();
    deliver(1);
    account.pipeline.begin();
    account.pipeline.end({ ...FAILED, leavesRecords: true });
    expect(account.pipeline.hasWorkBehind).to.equal(false);
    const later = block(2);
    expect(account.pipeline.hasWorkBehind).to.equal(true);
    settle(later);
    expect(account.pipeline.hasWorkBehind).to.equal(false);
  });

  it('is false when nothing more will settle, and when the shard is read again', () => {
    for (const end of ['drain', 'beginReading'] as const) {
      const { account, block } = handFedShard();
      block(1);
      account.pipeline.begin();
      account.pipeline.end({ ...FAILED, isBehind: () => true });
      expect(account.pipeline.hasWorkBehind).to.equal(true);
      account[end]();
      expect(account.pipeline.hasWorkBehind).to.equal(false);
    }
  });
});

import { expect } from 'chai';
import { bindTrackedShard, TrackedShard, trackedShardOf } from '../../lib/tracking/tracked-shard.js';
import { handFedShard, settle } from '../support/hand-fed-shard.js';

const PLACE = { streamName: 'stream', shardId: 'shardId-000000000000' };

describe('TrackedShard', () => {
  describe('the end of a pipeline', () => {
    it('after the end of the shard passes what no block holds: it was dropped on purpose', () => {
      const { account, block, deliver } = handFedShard();
      settle(block(1));
      deliver(2, 3);
      account.pipeline.begin();
      account.ledger.end();
      account.pipeline.end({ completed: true, leavesWork: false, leavesRecords: false });
      expect(account.isFinished).to.equal(true);
    });

    it('before the end of the shard does not: a `take` or `takeUntil` may have cut off records that nobody has seen', () => {
      const { account, block, deliver } = handFedShard();
      settle(block(1));
      deliver(2, 3);
      account.pipeline.begin();
      account.pipeline.end({ completed: true, leavesWork: false, leavesRecords: false });
      expect(account.checkpointer.current()).to.include({ sequenceNumber: '1' });
    });

    it('with an error does not', () => {
      const { account, block, deliver } = handFedShard();
      settle(block(1));
      deliver(2, 3);
      account.pipeline.begin();
      account.ledger.end();
      account.pipeline.end({ completed: false, leavesWork: false, leavesRecords: false });
      expect([account.isFinished, account.pipeline.isDrained]).to.deep.equal([false, false]);
    });

    it('says that nothing more will settle', () => {
      const { account } = handFedShard();
      let changes = 0;
      account.changes$.subscribe(() => changes++);
      account.pipeline.begin();
      account.pipeline.end({ completed: true, leavesWork: false, leavesRecords: false });
      expect(account.pipeline.isDrained).to.equal(true);
      expect(changes).to.equal(1);
    });
  });

  describe('a subscription that begins', () => {
    const unsettled = () => {
      const shard = handFedShard();
      shard.block(1, 2);
      return shard.account;
    };

    const recovery = {};

    it('forgets what is not settled', () => {
      const account = unsettled();
      account.pipeline.drain();
      account.beginReading();
      expect([account.ledger.outstandingRecords, account.pipeline.isDrained]).to.deep.equal([0, false]);
    });

    it('keeps it when it resumes, once', () => {
      const account = unsettled();
      account.resumeAfterDelivered(recovery);
      expect(account.resumes).to.equal(true);
      account.beginReading();
      expect([account.ledger.outstandingRecords, account.resumes]).to.deep.equal([2, false]);
      account.beginReading();
      expect(account.ledger.outstandingRecords).to.equal(0);
    });

    it('does not resume for a recovery that was cancelled, which is told as a change', () => {
      const account = unsettled();
      let changes = 0;
      account.changes$.subscribe(() => changes++);
      account.resumeAfterDelivered(recovery);
      account.cancelResume(recovery);
      expect([account.resumes, changes]).to.deep.equal([false, 1]);
    });

    it('still resumes for a recovery when one before it is cancelled', () => {
      const account = unsettled();
      const before = {};
      account.resumeAfterDelivered(before);
      account.resumeAfterDelivered(recovery);
      account.cancelResume(before);
      expect(account.resumes).to.equal(true);
    });
  });

  it('completes leaseLost$ without a value when it is released otherwise, also for a late subscriber', () => {
    const { account } = handFedShard();
    const seen: string[] = [];
    account.close();
    account.leaseLost$.subscribe({ next: () => seen.push('lost'), complete: () => seen.push('|') });
    expect(seen).to.deep.equal(['|']);
  });

  it('tells of every change: delivered work claimed and settled, the end, the lease', () => {
    const { account, block } = handFedShard();
    const seen: string[] = [];
    let step = '';
    account.changes$.subscribe(() => seen.push(step));
    step = 'claim';
    const a = block(1);
    step = 'settle';
    settle(a);
    step = 'end';
    account.ledger.end();
    step = 'lose';
    account.lose();
    expect([...new Set(seen)]).to.deep.equal(['claim', 'settle', 'end', 'lose']);
  });

  it('is found through the shard that it is bound to', () => {
    const shard = {};
    const account = new TrackedShard({ identity: { ...PLACE, parentShardIds: [] } });
    expect(trackedShardOf(shard)).to.equal(undefined);
    bindTrackedShard(shard, account);
    expect(trackedShardOf(shard)).to.equal(account);
  });
});

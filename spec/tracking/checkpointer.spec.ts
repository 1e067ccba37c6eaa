import { expect } from 'chai';
import { CheckpointError, LeaseLostError } from '../../lib/checkpoints/errors.js';
import { memoryCheckpoints } from '../../lib/checkpoints/memoryCheckpoints.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import { InvalidValueError } from '../../lib/values/errors.js';
import { recordingStore } from '../support/recording-store.js';
import { handFedShard, settle } from '../support/hand-fed-shard.js';

const PLACE = { streamName: 'stream', shardId: 'shardId-000000000000' };
const rangeOf = (from: number, to: number, recordCount: number) => ({
  ...PLACE,
  fromSeqNumber: String(from),
  toSeqNumber: String(to),
  fromSubSeqNumber: 0,
  toSubSeqNumber: 0,
  recordCount,
});

describe('Checkpointer', () => {
  describe('its checkpoint', () => {
    it('is none before anything is settled', () => {
      const { account, block } = handFedShard();
      block(1);
      expect(account.checkpointer.current()).to.equal(undefined);
      expect(account.checkpointer.isDue()).to.equal(false);
    });

    it('is the watermark, with what is settled beyond it', () => {
      const { account, block } = handFedShard();
      const [a, , c, d, , f] = [block(1, 2), block(3), block(4, 5), block(6), block(7), block(8)];
      settle(a, c, d, f);
      expect(account.checkpointer.current()).to.deep.equal({
        ...PLACE,
        sequenceNumber: '2',
        subSequenceNumber: 0,
        settledBeyond: [rangeOf(4, 6, 3), rangeOf(8, 8, 1)],
      });
    });

    it('names at most 100 ranges beyond it: the first', () => {
      const { account, block } = handFedShard();
      const blocks = Array.from({ length: 300 }, (_, i) => block(i + 1));
      settle(...blocks.filter((_, i) => i === 0 || i % 2 === 0));
      const beyond = account.checkpointer.current()?.settledBeyond ?? [];
      expect(beyond).to.have.length(100);
      expect(beyond[99]).to.deep.equal(rangeOf(201, 201, 1));
    });

    it('is where the store said, until something is settled; that is not due', () => {
      const store = memoryCheckpoints();
      const { account } = handFedShard({ store });
      account.restore({ ...PLACE, sequenceNumber: '5', subSequenceNumber: 2 });
      expect(account.checkpointer.current()).to.deep.equal({ ...PLACE, sequenceNumber: '5', subSequenceNumber: 2 });
      expect(account.checkpointer.isDue()).to.equal(false);
    });

    it('keeps what an earlier process settled beyond it, as long as it is beyond', () => {
      const { account, block } = handFedShard();
      const settledBeyond = [rangeOf(3, 4, 2), rangeOf(7, 7, 1)];
      account.restore({ ...PLACE, sequenceNumber: '1', subSequenceNumber: 0, settledBeyond });
      // 3, 4 and 7 are read, but not delivered.
      const [a, , c] = [block(2), block(3, 4, 5, 6, 7), block(8)];
      expect(account.checkpointer.current()?.settledBeyond).to.deep.equal(settledBeyond);
      settle(c);
      expect(account.checkpointer.current()?.settledBeyond).to.deep.equal([...settledBeyond, rangeOf(8, 8, 1)]);
      settle(a);
      expect(account.checkpointer.current()).to.deep.include({
        sequenceNumber: '2',
        settledBeyond: [...settledBeyond, rangeOf(8, 8, 1)],
      });
    });

    it('is SHARD_END when the end is seen, everything is settled and no pipeline runs', () => {
      const { account, block } = handFedShard();
      const [a, b] = [block(1), block(2)];
      account.pipeline.begin();
      account.ledger.end();
      settle(b);
      expect(account.checkpointer.current()).to.equal(undefined);
      settle(a);
      expect(account.checkpointer.current()).to.include({ sequenceNumber: '2' });
      expect(account.pipeline.isSupervised).to.equal(true);
      account.pipeline.end({ completed: true, leavesWork: false, leavesRecords: false });
      expect(account.checkpointer.current()).to.deep.equal({ ...PLACE, sequenceNumber: 'SHARD_END', subSequenceNumber: 0 });
      expect([account.isFinished, account.pipeline.isSupervised]).to.deep.equal([true, false]);
    });

    it('is not SHARD_END while a delivered record is in no block', () => {
      const { account, block, deliver } = handFedShard();
      settle(block(1));
      deliver(2);
      account.ledger.end();
      expect(account.checkpointer.current()).to.include({ sequenceNumber: '1' });
    });

    it('is none once the lease is lost', () => {
      const { account, block } = handFedShard({ store: memoryCheckpoints() });
      settle(block(1));
      account.lose();
      expect(account.checkpointer.current()).to.equal(undefined);
      expect(account.checkpointer.isDue()).to.equal(false);
    });
  });

  describe('writing', () => {
    it(
      'does nothing without a store',
      marbles(({ expectObservable }) => {
        const { account, block } = handFedShard();
        settle(block(1));
        expect(account.checkpointer.isDue()).to.equal(false);
        expectObservable(account.checkpointer.write()).toBe('|');
      }),
    );

    it('with a lost lease ends without an error, says so once, and writes nothing afterwards', () => {
      const store = recordingStore();
      const { account, block, events } = handFedShard({ store });
      const seen: string[] = [];
      account.leaseLost$.subscribe({ next: () => seen.push('lost'), complete: () => seen.push('|') });
      store.refuse(new LeaseLostError(PLACE), 2);
      settle(block(1));
      account.checkpointer.write().subscribe({ complete: () => seen.push('flushed') });
      settle(block(2));
      account.checkpointer.write().subscribe({ complete: () => seen.push('flushed') });
      account.lose();

      expect(seen).to.deep.equal(['lost', '|', 'flushed', 'flushed']);
      expect(store.asked).to.have.length(1);
      expect(account.isLost).to.equal(true);
      // It is no failure, and not tried again.
      expect(events.map(({ type }) => type)).not.to.include('checkpointFailed');
    });

    it(
      'is tried again with exponential back-off and full jitter, at most 20 s, with what is new by then',
      marbles(({ scheduler, flush }) => {
        const store = recordingStore({ scheduler });
        const { account, block } = handFedShard({ store });
        const dice = [0, 0.999, 0.5, 0.5, 0.5];
        let throws = 0;
        const random = (): number => dice[throws++]!;
        store.refuse(new Error('refused'), 5);
        const [a, b] = [block(1), block(2)];
        settle(a);
        scheduler.schedule(() => settle(b), 5_000);
        const seen: string[] = [];
        account.checkpointer.write({ maxRetries: 5, retryDelayMs: 4_000, scheduler, random }).subscribe((c) => seen.push(c.sequenceNumber));
        flush();

        // Bounds of 4, 8, 16, 20 and 20 s.
        expect(store.asked).to.deep.equal(['0 1', '0 1', '7992 2', '15992 2', '25992 2', '35992 2']);
        expect(seen).to.deep.equal(['2']);
      }),
    );

    it(
      'goes on with the last error after maxRetries, and at once with one that is not retriable',
      marbles(({ scheduler, expectObservable }) => {
        const store = recordingStore({ scheduler });
        const { account, block } = handFedShard({ store });
        const policy = { maxRetries: 2, retryDelayMs: 4, scheduler, random: () => 0.5 };
        settle(block(1));
        const [first, second, third] = ['first', 'second', 'third'].map((text) => new CheckpointError(text, { ...PLACE, retriable: true }));
        for (const error of [first, second, third]) store.refuse(error);
        expectObservable(account.checkpointer.write(policy)).toBe('2ms 4ms #', {}, third);
        const final = new InvalidValueError('no');
        scheduler.schedule(() => store.refuse(final), 50);
        expectObservable(account.checkpointer.write(policy), '50ms ^').toBe('50ms #', {}, final);
      }),
    );

    it(
      'stops trying when the lease is lost meanwhile',
      marbles(({ scheduler, expectObservable, flush }) => {
        const store = recordingStore({ scheduler });
        const { account, block } = handFedShard({ store });
        settle(block(1));
        store.refuse(new Error('refused'));
        scheduler.schedule(() => account.lose(), 3);
        const policy = { maxRetries: 5, retryDelayMs: 10, scheduler, random: () => 0.5 };
        expectObservable(account.checkpointer.write(policy)).toBe('5ms |');
        flush();
        expect(store.asked).to.deep.equal(['0 1']);
      }),
    );
  });
});

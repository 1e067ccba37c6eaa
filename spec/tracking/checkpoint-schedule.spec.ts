import { expect } from 'chai';
import { asyncScheduler, noop, Observable, type SchedulerLike } from 'rxjs';
import type { CheckpointStore } from '../../lib/checkpoints/checkpoint-store.js';
import { rawErrorOf } from '../../lib/internal/aws-fault.js';
import { memoryCheckpoints } from '../../lib/checkpoints/memoryCheckpoints.js';
import { block, record } from '../../lib/testing/index.js';
import { openBlock } from '../../lib/tracking/tracked-block.js';
import { isInvalidConfig } from '../../lib/values/errors.js';
import { SequenceNumberRanges } from '../../lib/values/sequence-range.js';
import { CheckpointSchedule } from '../../lib/tracking/checkpoint-schedule.js';
import { CheckpointError, isCheckpointError, LeaseLostError } from '../../lib/checkpoints/errors.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import type { Block } from '../../lib/values/block.js';
import { recordingStore, type RecordingStore } from '../support/recording-store.js';
import { handFedShard, type HandFedShard } from '../support/hand-fed-shard.js';

interface Setup {
  readonly scheduler: SchedulerLike;
  readonly store?: RecordingStore;
  readonly intervalMs?: number;
  readonly maxRetries?: number;
  readonly random?: () => number;
}

/** A schedule over one store, and how to settle. */
function scheduled({ scheduler, store = recordingStore({ scheduler }), intervalMs = 10, maxRetries = 0, random = () => 0.5 }: Setup) {
  const retry = { maxRetries, retryDelayMs: 8, scheduler, random };
  const schedule = new CheckpointSchedule({ store: undefined, intervalMs, retry, notify: noop });
  const settle = ({ ranges }: Block): void => schedule.settle(ranges);
  return { store, schedule, settle, shard: handFedShard({ store }) };
}

/** A schedule that settles, and writes to `store`. */
const scheduleTo = (store: CheckpointStore | undefined): CheckpointSchedule =>
  new CheckpointSchedule({
    store,
    intervalMs: 1_000,
    retry: { maxRetries: 0, retryDelayMs: 0, scheduler: asyncScheduler, random: () => 0 },
    notify: noop,
  });

const OTHER = { shardId: 'shardId-000000000001' };
const watermarksOf = (schedule: CheckpointSchedule): (string | undefined)[] =>
  schedule.shards.map(({ checkpointer }) => checkpointer.current()?.sequenceNumber);

describe('CheckpointSchedule', () => {
  describe('settles blocks that come from a shard: it', () => {
    it('moves the watermark to the end of the longest settled prefix, whatever the order', () => {
      const { account, block: make } = handFedShard();
      const [a, b, c, d] = [make(1, 2), make(3), make(4, 5), make(6)];
      const schedule = scheduleTo(undefined);
      const seen = [c, a, d, b].map(({ ranges }) => {
        schedule.settle(ranges);
        return account.ledger.watermark?.sequenceNumber;
      });
      expect(seen).to.deep.equal([undefined, '2', '2', '6']);
      expect(schedule.shards).to.deep.equal([account]);
    });

    it('knows a block by its ranges alone, and settles it once', () => {
      const { account, block: make } = handFedShard();
      const [a, b] = [make(1), make(2)];
      const schedule = scheduleTo(undefined);
      for (const { ranges } of [{ ranges: b.ranges }, { ranges: b.ranges }]) schedule.settle(ranges);
      expect(account.ledger.watermark).to.equal(undefined);
      expect(account.ledger.openEntries()).to.have.length(1);
      schedule.settle(a.ranges);
      expect(account.ledger.watermark).to.deep.equal({ sequenceNumber: '2', subSequenceNumber: 0 });
    });

    it('settles each shard of a block of several', () => {
      const [one, two] = [handFedShard(), handFedShard({}, OTHER.shardId)];
      const mixed = openBlock([...one.deliver(1, 2), ...two.deliver(10)]);
      const schedule = scheduleTo(undefined);
      schedule.settle(mixed.ranges);
      expect(schedule.shards).to.deep.equal([one.account, two.account]);
      expect(watermarksOf(schedule)).to.deep.equal(['2', '10']);
    });
  });

  describe('settles blocks made by hand: it', () => {
    it('moves the watermark in order of arrival, and never back', () => {
      const schedule = scheduleTo(memoryCheckpoints());
      const seen = [block(3), block(10, 12), block(5), block(100)].map(({ ranges }) => {
        schedule.settle(ranges);
        return watermarksOf(schedule);
      });
      expect(seen).to.deep.equal([['3'], ['12'], ['12'], ['100']]);
    });

    it('keeps an account for each shard of each stream', () => {
      const schedule = scheduleTo(memoryCheckpoints());
      schedule.settle(block(record(1), record(7, OTHER), record(3, { streamName: 'other' })).ranges);
      schedule.settle(block(record(2)).ranges);
      expect(watermarksOf(schedule)).to.deep.equal(['2', '7', '3']);
      const stores = schedule.shards.map(({ checkpointer }) => checkpointer.store);
      expect(new Set(stores)).to.have.property('size', 1);
    });

    it('needs a store', () => {
      expect(() => scheduleTo(undefined).settle(block(1).ranges))
        .to.throw(/stream\/shardId-000000000000: .* need the option store/)
        .that.satisfies(isInvalidConfig);
    });

    it('also holds for copied records', () => {
      const { account, deliver } = handFedShard();
      const copied = openBlock(deliver(1).map((original) => ({ ...original })));
      const schedule = scheduleTo(memoryCheckpoints());
      schedule.settle(copied.ranges);
      expect(schedule.shards).to.have.length(1).and.not.include(account);
    });
  });

  it('has nothing to settle in empty ranges', () => {
    const schedule = scheduleTo(undefined);
    schedule.settle(new SequenceNumberRanges([]));
    expect(schedule.shards).to.deep.equal([]);
  });

  it(
    'writes at the next multiple of the interval since it was made, whatever settled before, once',
    marbles(({ scheduler, flush }) => {
      const { store, settle, shard } = scheduled({ scheduler });
      for (const [i, ms] of [3, 5, 11, 29].entries()) {
        const block = shard.block(i + 1);
        scheduler.schedule(() => settle(block), ms);
      }
      flush();

      expect(store.kept).to.deep.equal(['10 2', '20 3', '30 4']);
    }),
  );

  for (const setByMs of [-1_007, 1_007]) {
    it(
      `writes within an interval also by a clock that is set by ${setByMs} ms`,
      marbles(({ scheduler: real, flush }) => {
        const scheduler: SchedulerLike = { now: () => real.now() + (real.now() < 5 ? 0 : setByMs), schedule: real.schedule.bind(real) };
        const { schedule, settle, shard } = scheduled({ scheduler });
        const block = shard.block(1);
        let writtenMs: number | undefined;
        shard.account.checkpointer.writes$.subscribe(() => (writtenMs = real.now()));
        real.schedule(() => settle(block), 12);
        real.schedule(() => schedule.stop(), 60);
        flush();
        expect(writtenMs).to.be.within(12, 22);
      }),
    );
  }

  it(
    'has no timer while there is nothing to write',
    marbles(({ scheduler, flush }) => {
      const { schedule, settle, shard } = scheduled({ scheduler });
      const blocks = [shard.block(1), shard.block(2)];
      expect(scheduler.actions).to.have.length(0);
      settle(blocks[0]!);
      settle(blocks[1]!);
      expect(scheduler.actions).to.have.length(1);
      flush();

      expect(scheduler.actions).to.have.length(0);
      expect(scheduler.frame).to.equal(10);
      schedule.stop();
    }),
  );

  for (const latencyMs of [undefined, 3, 12]) {
    it(
      `tries a failed write again at the next tick, with nothing new (${latencyMs === undefined ? 'synchronous store' : `${latencyMs} ms`})`,
      marbles(({ scheduler, flush }) => {
        const store = recordingStore({ latencyMs, scheduler });
        const { settle, shard } = scheduled({ scheduler, store });
        store.refuse(new Error('refused'));
        settle(shard.block(1));
        flush();

        expect(store.asked).to.deep.equal(['10 1', latencyMs === 12 ? '30 1' : '20 1']);
        expect(store.kept).to.have.length(1);
        const told = ['pageRead', 'blockOpened', 'blockSettled', 'checkpointFailed', 'checkpointWritten'];
        expect(shard.events.map(({ type }) => type)).to.deep.equal(told);
      }),
    );
  }

  it(
    'retries a failed write with full jitter, up to maxRetries, and not at the ticks in between',
    marbles(({ scheduler, flush }) => {
      const store = recordingStore({ scheduler });
      const { settle, shard } = scheduled({ scheduler, store, maxRetries: 3 });
      store.refuse(new Error('refused'), 4);
      settle(shard.block(1));
      flush();

      // 8, 16 and 32 ms at most, half of each; then the next tick.
      expect(store.asked).to.deep.equal(['10 1', '14 1', '22 1', '38 1', '40 1']);
    }),
  );

  it(
    'makes one write of a shard at a time, and others of other shards meanwhile',
    marbles(({ scheduler, flush }) => {
      const store = recordingStore({ latencyMs: 25, scheduler });
      const { settle, shard } = scheduled({ scheduler, store });
      const other = handFedShard({ store }, 'shardId-000000000001');
      for (const [ms, tracked, number] of [
        [1, shard, 1],
        [12, shard, 2],
        [13, other, 100],
        [22, shard, 3],
      ] as const) {
        scheduler.schedule(() => settle(tracked.block(number)), ms);
      }
      flush();

      expect(store.asked).to.deep.equal(['10 1', '20 100', '40 3']);
      expect(store.mostAtOnce).to.equal(2);
    }),
  );

  it(
    'never writes by itself with the interval Infinity',
    marbles(({ scheduler, flush }) => {
      const { store, schedule, settle, shard } = scheduled({ scheduler, intervalMs: Infinity });
      settle(shard.block(1));
      flush();
      expect(store.asked).to.deep.equal([]);

      schedule.writeLast().subscribe();
      expect(store.asked).to.deep.equal(['0 1']);
    }),
  );

  it(
    'forgets a shard that is at its end, and one that is lost, when there is nothing more to write',
    marbles(({ scheduler, flush }) => {
      const { store, schedule, settle, shard } = scheduled({ scheduler });
      const lost = handFedShard({ store }, 'shardId-000000000001');
      const going = handFedShard({ store }, 'shardId-000000000002');
      for (const tracked of [shard, lost, going]) settle(tracked.block(1));
      shard.account.ledger.end();
      lost.account.lose();
      flush();

      expect(store.kept).to.deep.equal(['10 SHARD_END', '10 1']);
      expect(schedule.shards).to.deep.equal([going.account]);
    }),
  );

  it(
    'is no longer subscribed to the releases of a shard that it has forgotten, nor of any when it ends',
    marbles(({ scheduler, flush }) => {
      const { store, schedule, settle, shard } = scheduled({ scheduler });
      const going = handFedShard({ store }, 'shardId-000000000001');
      const subscribed = [shard, going].map(({ account }) => {
        const subscribers = new Set<object>();
        const releases$ = new Observable<never>((subscriber) => {
          subscribers.add(subscriber);
          return () => subscribers.delete(subscriber);
        });
        Object.defineProperty(account, 'releases$', { value: releases$ });
        return subscribers;
      });
      const counts = (): number[] => subscribed.map(({ size }) => size);
      for (const tracked of [shard, going]) settle(tracked.block(1));
      expect(counts()).to.deep.equal([1, 1]);
      shard.account.ledger.end();
      flush();
      expect(counts()).to.deep.equal([0, 1]);
      schedule.stop();
      expect(counts()).to.deep.equal([0, 0]);
    }),
  );

  describe('reports a block that holds the watermark', () => {
    it(
      'when it does so from one tick to the next: once, and once more at the end',
      marbles(({ scheduler, flush }) => {
        const { schedule, settle, shard } = scheduled({ scheduler });
        const dropped = shard.block(1, 2);
        for (const [i, ms] of [1, 35, 45].entries()) scheduler.schedule(() => settle(shard.block(3 + i)), ms);
        flush();

        const held = { type: 'watermarkHeld', streamName: 'stream', shardId: 'shardId-000000000000', ranges: dropped.ranges.ranges };
        const heldEvents = (): unknown[] => shard.events.filter(({ type }) => type === 'watermarkHeld');
        expect(heldEvents()).to.deep.equal([{ ...held, heldMs: 10 }]);

        schedule.reportDropped();
        expect(heldEvents()).to.deep.equal([
          { ...held, heldMs: 10 },
          { ...held, heldMs: 0 },
        ]);
      }),
    );

    const heldIn = ({ events }: HandFedShard): unknown[] =>
      events.flatMap((event) => (event.type === 'watermarkHeld' ? [[event.ranges[0]?.fromSeqNumber, event.heldMs]] : []));

    it(
      'but not one that is settled in between, nor while nothing after it is settled',
      marbles(({ scheduler, flush }) => {
        const { settle, shard } = scheduled({ scheduler });
        const [slow, next] = [shard.block(1), shard.block(2)];
        settle(next);
        scheduler.schedule(() => settle(slow), 15);
        scheduler.schedule(() => settle(shard.block(3)), 25);
        scheduler.schedule(() => void shard.block(4), 26);
        flush();
        expect(heldIn(shard)).to.deep.equal([]);
      }),
    );

    it(
      'and begins anew with another block',
      marbles(({ scheduler, flush }) => {
        const { settle, shard } = scheduled({ scheduler });
        const [slow] = [shard.block(1), shard.block(2)];
        settle(shard.block(3));
        scheduler.schedule(() => settle(slow), 15);
        flush();
        expect(heldIn(shard)).to.deep.equal([['2', 10]]);
      }),
    );

    it(
      'of each shard by itself',
      marbles(({ scheduler, flush }) => {
        const { settle, shard, store } = scheduled({ scheduler });
        const other = handFedShard({ store }, OTHER.shardId);
        for (const tracked of [shard, other]) void tracked.block(1);
        settle(shard.block(2));
        scheduler.schedule(() => settle(other.block(2)), 15);
        flush();
        expect([heldIn(shard), heldIn(other)]).to.deep.equal([[['1', 10]], [['1', 10]]]);
      }),
    );

    it(
      'when the blocks complete: every one that is open',
      marbles(({ scheduler }) => {
        const { schedule, settle, shard } = scheduled({ scheduler });
        const blocks = [shard.block(1), shard.block(2), shard.block(3)];
        settle(blocks[1]!);
        schedule.reportDropped();
        expect(heldIn(shard)).to.deep.equal([
          ['1', 0],
          ['3', 0],
        ]);
      }),
    );
  });

  describe('the last writes', () => {
    it(
      'are all awaited, then the first error goes on, naming its shard',
      marbles(({ scheduler, flush }) => {
        const slow = recordingStore({ latencyMs: 9, scheduler });
        const failing = recordingStore({ latencyMs: 3, scheduler });
        const cause = new Error('refused');
        failing.refuse(cause, 2);
        const { schedule, settle } = scheduled({ scheduler });
        settle(handFedShard({ store: slow }, 'shardId-000000000001').block(1));
        settle(handFedShard({ store: failing }, 'shardId-000000000002').block(1));
        settle(handFedShard({ store: failing }, 'shardId-000000000003').block(1));
        schedule.stop();

        const errors: unknown[] = [];
        schedule.writeLast().subscribe({ error: (error: unknown) => errors.push(scheduler.now(), error) });
        flush();

        expect(slow.kept).to.deep.equal(['9 1']);
        expect(errors[0]).to.equal(9);
        expect(errors[1]).to.satisfy(isCheckpointError);
        expect(errors[1]).to.include({ shardId: 'shardId-000000000002', streamName: 'stream', retriable: true });
        expect(rawErrorOf(errors[1])).to.equal(cause);
        schedule.startLast();
        flush();
        expect(failing.asked, 'nothing is left to write').to.have.length(2);
      }),
    );

    it(
      'hand on an error of this package as it is, and do not count a lost lease as one',
      marbles(({ scheduler }) => {
        const store = recordingStore({ scheduler });
        const { schedule, settle, shard } = scheduled({ scheduler, store });
        const place = { streamName: 'stream', shardId: 'shardId-000000000000' };
        const seen: unknown[] = [];
        const observer = { error: (error: unknown) => seen.push(error), complete: () => seen.push('complete') };
        settle(shard.block(1));
        // The store itself says that it cannot be: not retriable, so it is not tried again.
        store.refuse(new CheckpointError('the table is read-only', { ...place, retriable: false }));
        schedule.writeLast().subscribe(observer);
        expect(seen[0]).to.satisfy(isCheckpointError);
        expect(seen[0]).to.include({ retriable: false });

        settle(shard.block(2));
        store.refuse(new LeaseLostError(place));
        schedule.writeLast().subscribe(observer);
        expect(seen[1]).to.equal('complete');
        expect(shard.account.isLost).to.equal(true);
      }),
    );

    for (const end of ['writeLast', 'startLast'] as const) {
      it(
        `end the ticks (${end})`,
        marbles(({ scheduler, flush }) => {
          const store = recordingStore({ scheduler });
          const { schedule, settle, shard } = scheduled({ scheduler, store, intervalMs: 2, maxRetries: 1 });
          store.refuse(new Error('refused'), 5);
          settle(shard.block(1));
          if (end === 'writeLast') schedule.writeLast().subscribe({ error: () => undefined });
          else schedule.startLast();
          flush();
          expect(store.asked).to.deep.equal(end === 'writeLast' ? ['0 1', '4 1'] : ['0 1']);
        }),
      );
    }

    it(
      'say that the shard is drained',
      marbles(({ scheduler }) => {
        const { schedule, settle, shard } = scheduled({ scheduler });
        settle(shard.block(1));
        let changes = 0;
        shard.account.changes$.subscribe(() => changes++);
        schedule.writeLast().subscribe();
        expect(shard.account.pipeline.isDrained).to.equal(true);
        expect(changes).to.equal(1);
      }),
    );

    it(
      'are begun, and not awaited, by startLast; a refusal goes nowhere',
      marbles(({ scheduler, flush }) => {
        const store = recordingStore({ latencyMs: 5, scheduler });
        const { schedule, settle, shard } = scheduled({ scheduler, store });
        settle(shard.block(1));
        schedule.stop();
        schedule.startLast();
        flush();
        expect(store.kept).to.deep.equal(['5 1']);

        store.refuse(new Error('refused'));
        settle(shard.block(2));
        schedule.startLast();
        flush();
        expect(store.asked).to.deep.equal(['0 1', '5 2']);
      }),
    );
  });
});

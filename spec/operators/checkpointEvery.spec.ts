import { expect } from 'chai';
import sinon from 'sinon';
import {
  BehaviorSubject,
  defer,
  delay,
  map,
  mergeMap,
  NEVER,
  of,
  Subject,
  take,
  throwError,
  timer,
  VirtualTimeScheduler,
  type Observable,
} from 'rxjs';
import { CheckpointError, isCheckpointError, isLeaseLost, LeaseLostError } from '../../lib/checkpoints/errors.js';
import { rawErrorOf } from '../../lib/internal/aws-fault.js';
import { memoryCheckpoints } from '../../lib/checkpoints/memoryCheckpoints.js';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import { checkpointEvery, type CheckpointEveryConfig } from '../../lib/operators/checkpointEvery.js';
import { block, marbles, record } from '../../lib/testing/index.js';
import type { Block } from '../../lib/values/block.js';
import { InvalidConfigError, isInvalidConfig } from '../../lib/values/errors.js';
import { recordingStore } from '../support/recording-store.js';
import { handFedShard } from '../support/hand-fed-shard.js';

const values: Record<string, Block> = { a: block(1), b: block(2, 3), c: block(4), d: block(5) };
const user = new TypeError('of the user');
const refused = new Error('refused');
const PLACE = { streamName: 'stream', shardId: 'shardId-000000000000' };

describe('checkpointEvery', () => {
  it(
    'writes nothing that is written already when it completes',
    marbles(({ cold, flush }) => {
      const store = recordingStore();
      cold('-a-b----|', values).pipe(checkpointEvery(5, { store })).subscribe();
      flush();
      expect(store.asked).to.deep.equal(['5 3']);
    }),
  );

  it(
    'has no timer while its source is silent',
    marbles(({ scheduler }) => {
      NEVER.pipe(checkpointEvery(5)).subscribe();
      expect(scheduler.actions).to.have.length(0);
    }),
  );

  it(
    'writes, and waits for it, before it hands an error on',
    marbles(({ cold, expectObservable, expectSubscriptions, flush }) => {
      const source = cold('  -a-b-#       ', values, user);
      const subs = '         ^----!       ';
      const expected = '     -a-b---------#';
      const store = recordingStore({ latencyMs: 8 });

      expectObservable(source.pipe(checkpointEvery(50, { store }))).toBe(expected, values, user);
      expectSubscriptions(source.subscriptions).toBe(subs);
      flush();
      expect(store.kept).to.deep.equal(['13 3']);
    }),
  );

  it(
    'writes, and waits for it, before it completes',
    marbles(({ cold, expectObservable, flush }) => {
      const source = cold('  -a-b-|       ', values);
      const expected = '     -a-b---------|';
      const store = recordingStore({ latencyMs: 8 });

      expectObservable(source.pipe(checkpointEvery(50, { store }))).toBe(expected, values);
      flush();
      expect(store.kept).to.deep.equal(['13 3']);
    }),
  );

  it(
    'waits at the end for the write in flight, then writes what is new since',
    marbles(({ cold, expectObservable, flush }) => {
      const source = cold('  -a---b|            ', values);
      const expected = '     -a---b------------|';
      const store = recordingStore({ latencyMs: 7 });

      // 4 to 11, then 11 to 18.
      expectObservable(source.pipe(checkpointEvery(4, { store }))).toBe(expected, values);
      flush();
      expect(store.asked).to.deep.equal(['4 1', '11 3']);
      expect(store.mostAtOnce).to.equal(1);
    }),
  );

  describe('on unsubscription', () => {
    it(
      'starts a last write, and leaves no timer',
      marbles(({ hot, scheduler, flush }) => {
        const store = recordingStore({ latencyMs: 3 });
        const subscription = hot('-a-b---c-', values).pipe(checkpointEvery(50, { store })).subscribe();
        scheduler.schedule(() => subscription.unsubscribe(), 5);
        flush();
        expect(store.kept).to.deep.equal(['8 3']);
        expect(scheduler.frame).to.equal(8);
      }),
    );

    it(
      'does not cut the write in flight, and writes what is new after it',
      marbles(({ hot, scheduler, flush }) => {
        const store = recordingStore({ latencyMs: 6 });
        const subscription = hot('-a----b--c-', values).pipe(checkpointEvery(3, { store })).subscribe();
        scheduler.schedule(() => subscription.unsubscribe(), 8);
        flush();
        expect(store.kept).to.deep.equal(['9 1', '15 3']);
        expect(store.mostAtOnce).to.equal(1);
      }),
    );

    it(
      'does not cut the last write while that is awaited',
      marbles(({ cold, scheduler, flush }) => {
        const store = recordingStore({ latencyMs: 6 });
        const subscription = cold('-a|', values).pipe(checkpointEvery(50, { store })).subscribe();
        scheduler.schedule(() => subscription.unsubscribe(), 4);
        flush();
        expect(store.asked).to.deep.equal(['2 1']);
        expect(store.kept).to.deep.equal(['8 1']);
      }),
    );

    it(
      'makes one last try while a write waits to be retried',
      marbles(({ hot, scheduler, flush }) => {
        const store = recordingStore();
        store.refuse(refused);
        const config = { store, retryDelayMs: 1_000, random: () => 0.9 };
        const subscription = hot('-a-', values).pipe(checkpointEvery(3, config)).subscribe();
        scheduler.schedule(() => subscription.unsubscribe(), 8);
        flush();
        expect(store.asked).to.deep.equal(['3 1', '8 1']);
      }),
    );
  });

  describe('when a write fails', () => {
    it(
      'tries again with full jitter, without holding up the data',
      marbles(({ cold, expectObservable, flush }) => {
        const source = cold('  -a-b-c-d 95ms |', values);
        const expected = '     -a-b-c-d 95ms |';
        const store = recordingStore();
        const dice = [0.5, 0.25, 0.999];
        store.refuse(Object.assign(new Error('slow down'), { name: 'ProvisionedThroughputExceededException' }), 3);
        const config = { store, retryDelayMs: 10, random: () => dice.shift()! };

        expectObservable(source.pipe(checkpointEvery(4, config))).toBe(expected, values);
        flush();
        // Bounds of 10, 20 and 40 ms; each try writes what is new by then.
        expect(store.asked).to.deep.equal(['4 3', '9 5', '14 5', '53 5']);
      }),
    );

    it(
      'tries again at the next tick when all its tries have failed, although nothing else settles (regression: a failed checkpoint was left until new work)',
      marbles(({ cold, expectObservable, flush }) => {
        const source = cold('  -a 30ms |', values);
        const expected = '     -a 30ms |';
        const store = recordingStore();
        store.refuse(refused, 4);

        const config = { store, maxRetries: 1, retryDelayMs: 2, random: () => 0.5 };
        expectObservable(source.pipe(checkpointEvery(10, config))).toBe(expected, values);
        flush();
        expect(store.asked).to.deep.equal(['10 1', '11 1', '20 1', '21 1', '30 1']);
        expect(store.kept).to.deep.equal(['30 1']);
      }),
    );

    describe('and blocks made by hand, whose shards have no source that tells of it,', () => {
      let warn: sinon.SinonStub;
      beforeEach(() => (warn = sinon.stub(console, 'warn')));
      afterEach(() => warn.restore());

      const failing = (source: Observable<Block>, config: CheckpointEveryConfig = {}): void => {
        const store = recordingStore();
        store.refuse(refused, 1_000);
        source.pipe(checkpointEvery(1_000, { store, maxRetries: 1, retryDelayMs: 10, ...config })).subscribe({ error: () => undefined });
      };

      it(
        'is heard on the console, once a minute for each shard',
        marbles(({ cold, flush }) => {
          failing(cold('-a-e 130s |', { ...values, e: block({ ...record(9), shardId: 'shardId-000000000001' }) }));
          flush();
          const lines = warn.args.map(([line]) => String(line));
          expect(lines[0]).to.equal(
            'rx-kinesis: stream/shardId-000000000000: the checkpoint could not be written: Error, and is tried again [checkpointFailed]',
          );
          expect(lines.filter((line) => line.includes(PLACE.shardId))).to.have.length(3);
          expect(lines.filter((line) => line.includes('shardId-000000000001'))).to.have.length(3);
        }),
      );

      it(
        'for good, since the lease is lost, is told as that, once',
        marbles(({ cold, flush }) => {
          const events: KinesisEvent[] = [];
          for (const heard of [{}, { events: { next: (event: KinesisEvent) => void events.push(event) } }]) {
            const store = recordingStore();
            store.refuse(new LeaseLostError(PLACE), 1_000);
            cold('-a 3s b 3s |', values)
              .pipe(checkpointEvery(1_000, { store, ...heard }))
              .subscribe();
          }
          flush();
          expect(warn.args.map(([line]) => String(line))).to.deep.equal([
            'rx-kinesis: stream/shardId-000000000000: the lease is lost, another worker may hold it [checkpointFailed]',
          ]);
          expect(events).to.have.length(1);
          expect(events[0]).to.include({ type: 'checkpointFailed', reason: 'fatal', ...PLACE });
          expect(events[0]).to.have.property('error').that.satisfies(isLeaseLost);
        }),
      );

      it(
        'is told to events, and then not to the console',
        marbles(({ cold, flush }) => {
          const events: KinesisEvent[] = [];
          failing(cold('-a 3s -', values), { events: { next: (event) => void events.push(event) } });
          failing(cold('-a 3s -', values), { events: 'silent' });
          flush();
          expect(events[0]).to.include({ type: 'checkpointFailed', ...PLACE, sequenceNumber: '1', at: 1_000 });
          expect(warn.args).to.deep.equal([]);
        }),
      );
    });

    it(
      'errors with a CheckpointError that names the shard when it was the last one before completion',
      marbles(({ cold, flush }) => {
        const store = recordingStore();
        store.refuse(refused, 3);
        const errors: unknown[] = [];
        const config = { store, maxRetries: 2, retryDelayMs: 4, random: () => 0.5 };
        cold('-a|', values)
          .pipe(checkpointEvery(50, config))
          .subscribe({ error: (error: unknown) => errors.push(error) });
        flush();

        expect(store.asked).to.deep.equal(['2 1', '4 1', '8 1']);
        expect(errors).to.have.length(1);
        expect(errors[0])
          .to.satisfy(isCheckpointError)
          .and.to.include({ ...PLACE, retriable: true });
        expect(rawErrorOf(errors[0])).to.equal(refused);
      }),
    );

    it(
      'errors with an error of this package as it is, without a retry if that is of no use, when it was the last one',
      marbles(({ cold, expectObservable, flush }) => {
        const error = new CheckpointError('no', { ...PLACE, retriable: false });
        const store = recordingStore();
        store.refuse(error);

        expectObservable(cold('-a|', values).pipe(checkpointEvery(50, { store }))).toBe('-a#', values, error);
        flush();
        expect(store.asked).to.have.length(1);
      }),
    );

    it(
      'errors with the error of the source when it was the last one before that',
      marbles(({ cold, expectObservable, flush }) => {
        const store = recordingStore();
        store.refuse(refused, 2);
        const config = { store, maxRetries: 1, retryDelayMs: 4, random: () => 0.5 };

        expectObservable(cold('-a#', values, user).pipe(checkpointEvery(50, config))).toBe('-a--#', values, user);
        flush();
        expect(store.kept).to.deep.equal([]);
      }),
    );
  });

  it(
    'ends the writes of a shard whose lease is lost, without an error',
    marbles(({ cold, expectObservable, flush }) => {
      const source = cold('  -a----b----c--|', values);
      const expected = '     -a----b----c--|';
      const store = recordingStore();
      store.refuse(new LeaseLostError(PLACE));

      expectObservable(source.pipe(checkpointEvery(5, { store }))).toBe(expected, values);
      flush();
      expect(store.asked).to.deep.equal(['5 1']);
    }),
  );

  describe('with a slow store', () => {
    it(
      'makes one write of a shard at a time, whatever ticks meanwhile',
      marbles(({ cold, flush }) => {
        const store = recordingStore({ latencyMs: 12 });
        cold('-a----b---c---d 50ms |', values).pipe(checkpointEvery(5, { store })).subscribe();
        flush();
        expect(store.asked).to.deep.equal(['5 1', '20 5']);
        expect(store.mostAtOnce).to.equal(1);
      }),
    );

    it(
      'does not let one shard wait for another',
      marbles(({ cold, flush }) => {
        const other = block(record(9, { shardId: 'shardId-000000000001' }));
        const store = recordingStore({ latencyMs: 12 });
        cold('-a-----o 50ms |', { ...values, o: other })
          .pipe(checkpointEvery(5, { store }))
          .subscribe();
        flush();
        expect(store.kept).to.deep.equal(['17 1', '22 9']);
      }),
    );
  });

  describe('in the ledger', () => {
    it(
      'settles blocks in any order, and never writes past unfinished work (regression: the largest number of a chunk became the checkpoint)',
      marbles(({ cold, flush }) => {
        const store = recordingStore();
        const shard = handFedShard({ store });
        const tracked = { a: shard.block(1), b: shard.block(2, 3), c: shard.block(4), d: shard.block(5) };
        cold('-d-b-------a-----c-------|', tracked).pipe(checkpointEvery(5)).subscribe();
        flush();
        expect(store.asked).to.deep.equal(['15 3 + 5..5 #1', '20 5']);
      }),
    );

    it(
      'settles each block once: a block that comes twice moves nothing',
      marbles(({ cold, flush }) => {
        const store = recordingStore();
        const shard = handFedShard({ store });
        const tracked = { a: shard.block(1), b: shard.block(2) };
        cold('-a-a-a-a-a---b-b-b--|', tracked).pipe(checkpointEvery(3)).subscribe();
        flush();
        expect(store.asked).to.deep.equal(['3 1', '15 2']);
      }),
    );

    it(
      'settles blocks by hand in order of arrival, never backwards',
      marbles(({ cold, flush }) => {
        const store = recordingStore();
        cold('-d----a----b-|', values).pipe(checkpointEvery(5, { store })).subscribe();
        flush();
        expect(store.asked).to.deep.equal(['5 5']);
      }),
    );

    it(
      'settles blocks by hand only with the option store',
      marbles(({ cold, expectObservable, expectSubscriptions }) => {
        const source = cold('  -a-b-|', values);
        const subs = '         ^!    ';
        const message =
          'stream/shardId-000000000000: the records of a block are copied ({ ...record }): pass on the records themselves to withSequenceRanges. ' +
          'Made by hand, or by another version of rx-kinesis, they need the option store';
        expectObservable(source.pipe(checkpointEvery(5))).toBe('-#', {}, new InvalidConfigError(message));
        expectSubscriptions(source.subscriptions).toBe(subs);
      }),
    );

    it(
      'settles whatever still carries the ranges',
      marbles(({ cold, flush }) => {
        const store = recordingStore();
        const shard = handFedShard({ store });
        const tracked = { a: { ranges: shard.block(1).ranges, total: 5 } };
        cold('-a|', tracked).pipe(checkpointEvery(5)).subscribe();
        flush();
        expect(store.kept).to.deep.equal(['2 1']);
      }),
    );

    it('settles a block before it goes on', () => {
      const store = recordingStore();
      const shard = handFedShard({ store });
      const [only] = [shard.block(1)];
      of(only)
        .pipe(checkpointEvery(1_000))
        .subscribe(() => expect(shard.account.ledger.watermark?.sequenceNumber).to.equal('1'));
      expect(store.kept).to.have.length(1);
    });
  });

  for (const [title, own, message] of [
    [
      "refuses another store than that of the shard's source, before it settles or writes anything",
      recordingStore(),
      ': give the store to',
    ],
    ["refuses a store where the shard's source has none", undefined, ', which has none: give the store to'],
  ] as const) {
    it(
      title,
      marbles(({ cold, flush }) => {
        const given = recordingStore();
        const shard = handFedShard(own && { store: own });
        const seen: unknown[] = [];
        cold('-a|', { a: shard.block(1) })
          .pipe(checkpointEvery(5, { store: given }))
          .subscribe({ next: () => seen.push('a block'), error: (error: unknown) => seen.push(error) });
        flush();
        expect(seen).to.have.length(1);
        expect(seen[0]).to.satisfy(isInvalidConfig);
        expect((seen[0] as Error).message).to.include(
          `stream/shardId-000000000000: checkpointEvery has another store than the shard's source${message}`,
        );
        expect([own?.asked ?? [], given.asked]).to.deep.equal([[], []]);
        expect(shard.account.ledger.watermark).to.equal(undefined);
      }),
    );
  }

  it(
    "takes the store of the shard's source",
    marbles(({ cold, flush }) => {
      const store = recordingStore();
      const shard = handFedShard({ store });
      cold('-a|', { a: shard.block(1) })
        .pipe(checkpointEvery(5, { store }))
        .subscribe();
      flush();
      expect(store.asked).to.deep.equal(['2 1']);
    }),
  );

  it(
    'settles without a write when there is no store',
    marbles(({ cold, expectObservable, flush }) => {
      const shard = handFedShard();
      const tracked = { a: shard.block(1) };
      expectObservable(cold('-a|', tracked).pipe(checkpointEvery(5))).toBe('-a|', tracked);
      flush();
      expect(shard.account.ledger.watermark?.sequenceNumber).to.equal('1');
    }),
  );

  it(
    'ticks at multiples of the interval since the subscription, while there is something to write',
    marbles(({ cold, scheduler, flush }) => {
      const store = recordingStore();
      const frames: number[] = [];
      const source = cold('---a 96ms b 48ms c 150ms |', values);
      scheduler.schedule(() => void source.pipe(checkpointEvery(20, { store })).subscribe(), 7);
      for (let ms = 35; ms < 100; ms += 10) scheduler.schedule(() => frames.push(scheduler.actions.filter((it) => !it.closed).length), ms);
      flush();

      // 7 + 20, 7 + 120, 7 + 160: not 20 ms after each block.
      expect(store.kept).to.deep.equal(['27 1', '127 3', '167 4']);
      // Between the ticks of a and b only what the test has scheduled itself goes down.
      expect(frames.map((count, i) => count + i)).to.deep.equal(Array(frames.length).fill(frames[0]));
    }),
  );

  it(
    'writes at the end only with the interval Infinity',
    marbles(({ cold, flush }) => {
      const store = recordingStore();
      cold('-a 1m b 1m |', values).pipe(checkpointEvery(Infinity, { store })).subscribe();
      flush();
      expect(store.asked).to.deep.equal(['120003 3']);
    }),
  );

  it(
    'tells of a block that holds the watermark: once while it does, and at the end',
    marbles(({ cold, flush }) => {
      const store = recordingStore();
      const shard = handFedShard({ store });
      const [dropped, b, c] = [shard.block(1), shard.block(2), shard.block(3)];
      cold('-b-------------------------c-------------|', { b, c }).pipe(checkpointEvery(5)).subscribe();
      flush();
      const held = { type: 'watermarkHeld', ...PLACE, ranges: dropped.ranges.ranges };
      expect(shard.events.filter(({ type }) => type === 'watermarkHeld')).to.deep.equal([
        { ...held, heldMs: 5 },
        { ...held, heldMs: 0 },
      ]);
      expect(store.asked).to.deep.equal([]);
    }),
  );

  it(
    'tells at the next tick that such a block is settled, or comes again, and nothing of one of which it had not told',
    marbles(({ scheduler, flush }) => {
      const shard = handFedShard({ store: recordingStore() });
      const passing = new Subject<Block>();
      const subscription = passing.pipe(checkpointEvery(5)).subscribe();
      const at = (ms: number, act: () => void) => scheduler.schedule(act, ms);
      const [a, b, c, d, , f] = [1, 2, 3, 4, 5, 6].map((n) => shard.block(n)) as [Block, Block, Block, Block, Block, Block];
      at(1, () => passing.next(b));
      at(13, () => passing.next(a));
      // `c` holds it for less than a tick.
      at(21, () => passing.next(d));
      at(23, () => passing.next(c));
      // The block behind it is settled, the fifth record is not, and is read again.
      at(31, () => passing.next(f));
      at(42, () => shard.account.ledger.restart());
      at(43, () => passing.next(shard.block(5)));
      at(60, () => subscription.unsubscribe());
      flush();
      const told = shard.events.flatMap((event) =>
        event.type === 'watermarkHeld' || event.type === 'watermarkFreed'
          ? [[event.type, event.ranges[0]!.fromSeqNumber, event.heldMs]]
          : [],
      );
      expect(told).to.deep.equal([
        ['watermarkHeld', '1', 5],
        ['watermarkFreed', '1', 10],
        ['watermarkHeld', '5', 5],
        ['watermarkFreed', '5', 10],
      ]);
    }),
  );

  it(
    'does not call a block dropped that was in work when the source failed',
    marbles(({ cold, flush }) => {
      const shard = handFedShard({ store: recordingStore() });
      const [, b] = [shard.block(1), shard.block(2)];
      cold('-b-#', { b })
        .pipe(checkpointEvery(50))
        .subscribe({ error: () => undefined });
      flush();
      expect(shard.events.filter(({ type }) => type === 'watermarkHeld')).to.deep.equal([]);
    }),
  );

  it('takes blocks that come while one is being handed on', () => {
    const shard = handFedShard({ store: memoryCheckpoints() });
    const blocks = [1, 2, 3, 4].map((n) => shard.block(n));
    const source = new BehaviorSubject(blocks[0]!);
    const seen: string[] = [];
    const subscription = source.pipe(checkpointEvery(1_000)).subscribe(({ id }) => {
      seen.push(id);
      if (seen.length < 4) source.next(blocks[seen.length]!);
    });
    subscription.unsubscribe();
    expect(seen).to.deep.equal(blocks.map(({ id }) => id));
    expect(shard.account.ledger.watermark?.sequenceNumber).to.equal('4');
  });

  it('takes its time and its chance from the config alone', () => {
    const scheduler = new VirtualTimeScheduler();
    const store = recordingStore({ scheduler });
    let throws = 0;
    store.refuse(refused);
    const source = timer(3, scheduler).pipe(
      map(() => block(1)),
      delay(200, scheduler),
    );
    const config = { store, scheduler, retryDelayMs: 40, random: () => (throws++, 0.5) };
    new Subject<Block>().pipe(checkpointEvery(10)).subscribe().unsubscribe();
    source
      .pipe(
        mergeMap((it) =>
          timer(0, 100, scheduler).pipe(
            take(2),
            map(() => it),
          ),
        ),
        checkpointEvery(50, config),
      )
      .subscribe();
    scheduler.flush();

    expect(store.asked).to.deep.equal(['250 1', '270 1']);
    expect([throws, scheduler.frame]).to.deep.equal([1, 303]);
  });

  describe('with a config that cannot work', () => {
    const cases: Record<string, readonly [number, CheckpointEveryConfig, RegExp]> = {
      'no interval': [0, {}, /intervalMs: expected a number from 1 up, got 0/],
      'an interval that is no number': [NaN, {}, /intervalMs: .* got NaN/],
      'text for an interval': ['5' as never, {}, /intervalMs: .* got "5"/],
      'a negative number of retries': [5, { maxRetries: -1 }, /maxRetries: expected a whole number from 0 up, got -1/],
      'endless retries': [5, { maxRetries: Infinity }, /maxRetries: .* got Infinity/],
      'a store that is none': [5, { store: {} as never }, /store: expected a CheckpointStore/],
      'a negative delay': [5, { retryDelayMs: -1 }, /retryDelayMs: expected a finite number from 0 up, got -1/],
    };
    for (const [what, [intervalMs, config, words]] of Object.entries(cases)) {
      it(`refuses when called: ${what}`, () => {
        expect(() => checkpointEvery(intervalMs, config))
          .to.throw(words)
          .that.satisfies(isInvalidConfig);
      });
    }
  });

  it('hands on what the source throws on subscription', () => {
    const errors: unknown[] = [];
    const source = defer(() => throwError(() => user));
    source.pipe(checkpointEvery(5)).subscribe({ error: (error: unknown) => errors.push(error) });
    expect(errors).to.deep.equal([user]);
  });
});

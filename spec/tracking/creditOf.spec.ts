import { expect } from 'chai';
import { map, mergeMap, timer, type Observable, type SchedulerLike } from 'rxjs';
import { entriesOf, openBlock } from '../../lib/tracking/tracked-block.js';
import { creditOf } from '../../lib/tracking/creditOf.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import type { Block } from '../../lib/values/block.js';
import { handFedShard, type HandFedShard } from '../support/hand-fed-shard.js';

const settle = (block: Block): void => entriesOf(block.ranges).forEach(({ shard, entry }) => shard.ledger.settle(entry));

/** The credit of a shard that may have 3 records or 100 bytes in flight: `c` when it comes. */
function credit({ account }: HandFedShard, scheduler: SchedulerLike, maxInFlightBytes = 100): Observable<string> {
  return creditOf(account, { maxInFlightRecords: 3, maxInFlightBytes }, scheduler).pipe(map(() => 'c'));
}

describe('creditOf', () => {
  it(
    'emits once at once, while there is credit',
    marbles(({ scheduler, expectObservable }) => {
      const shard = handFedShard();
      shard.block(1, 2);
      expectObservable(credit(shard, scheduler)).toBe('(c|)');
    }),
  );

  it(
    'looks when it is subscribed, and each time',
    marbles(({ scheduler, expectObservable }) => {
      const shard = handFedShard();
      const credit$ = credit(shard, scheduler);
      const block = shard.block(1, 2, 3);
      expectObservable(credit$, '^-!').toBe('---');
      scheduler.schedule(() => settle(block), 10);
      expectObservable(credit$, '--------------------^').toBe('--------------------(c|)');
    }),
  );

  it(
    'waits for an open block however long, and comes after the settling, not in its midst',
    marbles(({ scheduler, expectObservable }) => {
      const shard = handFedShard();
      const block = shard.block(1, 2, 3);
      let isSettling = false;
      scheduler.schedule(() => {
        isSettling = true;
        settle(block);
        isSettling = false;
      }, 60_000);
      expectObservable(credit(shard, scheduler).pipe(map(() => isSettling))).toBe('60s (s|)', { s: false });
    }),
  );

  it(
    'tells, once, that it has waited for 10 s',
    marbles(({ scheduler, expectObservable, flush }) => {
      const shard = handFedShard();
      const block = shard.block(1, 2, 3);
      scheduler.schedule(() => settle(block), 60_000);
      expectObservable(credit(shard, scheduler)).toBe('60s (c|)');
      flush();
      const { streamName, shardId } = shard.account.identity;
      const paused = {
        type: 'readerPaused',
        streamName,
        shardId,
        records: 3,
        bytes: 3,
        pausedMs: 10_000,
      };
      expect(shard.events.filter(({ type }) => type === 'readerPaused')).to.deep.equal([paused]);
    }),
  );

  it(
    'comes with the settling of part of what is in flight, if that is enough',
    marbles(({ scheduler, expectObservable }) => {
      const shard = handFedShard();
      const [first] = [shard.block(1, 2), shard.block(3, 4)];
      scheduler.schedule(() => settle(first), 7);
      expectObservable(credit(shard, scheduler)).toBe('-------(c|)');
    }),
  );

  it(
    'does not come with what settles behind an open block: a crash would repeat it',
    marbles(({ scheduler, expectObservable }) => {
      const shard = handFedShard();
      const [first, second] = [shard.block(1, 2), shard.block(3, 4)];
      scheduler.schedule(() => settle(second), 7);
      scheduler.schedule(() => settle(first), 60_000);
      expectObservable(credit(shard, scheduler)).toBe('60s (c|)');
    }),
  );

  it(
    'is the number of records that may be read; once nine tenths are in flight, it waits for half of the limit, or a second for less',
    marbles(({ scheduler, expectObservable }) => {
      const limits = { maxInFlightRecords: 30, maxInFlightBytes: 1_000 };
      const numbers = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);
      const [little, enough, more] = [handFedShard(), handFedShard(), handFedShard()];
      little.block(...numbers(1, 28));
      enough.block(...numbers(1, 27));
      const blocks = [more.block(...numbers(1, 12)), more.block(13)];
      more.block(...numbers(14, 15));
      blocks.forEach((block, i) => scheduler.schedule(() => settle(block), 200 + 200 * i));

      expectObservable(creditOf(little.account, limits, scheduler)).toBe('1s (c|)', { c: 2 });
      expectObservable(creditOf(enough.account, limits, scheduler)).toBe('(c|)', { c: 3 });
      expectObservable(creditOf(more.account, limits, scheduler)).toBe('400ms (c|)', { c: 15 });
    }),
  );

  it(
    'emits at once again, however little it is, once it has been worth a read',
    marbles(({ scheduler, expectObservable }) => {
      const shard = handFedShard();
      const blocks = [shard.block(1, 2, 3, 4, 5), shard.block(6, 7, 8, 9, 10)];
      const credit$ = creditOf(shard.account, { maxInFlightRecords: 10, maxInFlightBytes: 1_000 }, scheduler);
      scheduler.schedule(() => settle(blocks[0]!), 5);
      // At 7 four more records come into a block: one is left.
      scheduler.schedule(() => shard.block(11, 12, 13, 14), 7);

      expectObservable(credit$).toBe('5ms (c|)', { c: 5 });
      expectObservable(timer(8).pipe(mergeMap(() => credit$))).toBe('8ms (c|)', { c: 1 });
    }),
  );

  it(
    'counts bytes too',
    marbles(({ scheduler, expectObservable }) => {
      const shard = handFedShard();
      const block = shard.block(1, 2);
      scheduler.schedule(() => settle(block), 7);
      expectObservable(credit(shard, scheduler, 2)).toBe('-------(c|)');
    }),
  );

  it(
    'comes after a second when nobody has put what was delivered into a block: a filter may have dropped it',
    marbles(({ scheduler, expectObservable, flush }) => {
      const shard = handFedShard();
      shard.deliver(1, 2, 3, 4);
      expectObservable(credit(shard, scheduler)).toBe('1s (c|)');
      flush();
      expect(shard.account.ledger.outstandingRecords).to.equal(0);
    }),
  );

  it(
    'waits for the block, if one is made of them within the second',
    marbles(({ scheduler, expectObservable }) => {
      const shard = handFedShard();
      const records = shard.deliver(1, 2, 3, 4);
      let block: Block;
      scheduler.schedule(() => (block = openBlock(records)), 900);
      scheduler.schedule(() => settle(block), 5_000);
      expectObservable(credit(shard, scheduler)).toBe('5s (c|)');
    }),
  );

  it(
    'does not count what is on its way into a block as dropped, as long as another block is open',
    marbles(({ scheduler, expectObservable }) => {
      const shard = handFedShard();
      const block = shard.block(1);
      shard.deliver(2, 3, 4);
      scheduler.schedule(() => settle(block), 5_000);
      expectObservable(credit(shard, scheduler)).toBe('6s (c|)');
    }),
  );

  it(
    'is not put off by blocks that settle all the time (regression: each change began the wait anew)',
    marbles(({ scheduler, expectObservable, flush }) => {
      const shard = handFedShard();
      const blocks = Array.from({ length: 40 }, (_, i) => shard.block(i + 1));
      let timers = 0;
      scheduler.schedule(() => {
        const schedule = scheduler.schedule.bind(scheduler);
        scheduler.schedule = (...args) => (timers++, schedule(...args));
        blocks.forEach(settle);
        scheduler.schedule = schedule;
      }, 5);
      expectObservable(credit(shard, scheduler)).toBe('-----(c|)');
      flush();
      expect(timers).to.equal(1);
    }),
  );

  it(
    'tells of no negative pause when the clock is set back',
    marbles(({ scheduler: real, flush }) => {
      const scheduler: SchedulerLike = { now: () => real.now() - (real.now() < 5 ? 0 : 60_000), schedule: real.schedule.bind(real) };
      const shard = handFedShard();
      const block = shard.block(1, 2, 3);
      real.schedule(() => settle(block), 11_000);
      credit(shard, scheduler).subscribe();
      flush();
      expect(shard.events.map((event) => 'pausedMs' in event && [event.type, event.pausedMs]).filter(Boolean)).to.deep.equal([
        ['readerPaused', 10_000],
        ['readerResumed', 0],
      ]);
    }),
  );

  it(
    'makes no timer while it waits for work',
    marbles(({ scheduler, expectObservable, flush }) => {
      const shard = handFedShard();
      shard.block(1, 2, 3);
      expectObservable(credit(shard, scheduler), '^ 99ms !').toBe('-');
      flush();
      expect(scheduler.frame).to.equal(100);
    }),
  );
});

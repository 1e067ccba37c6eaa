import { expect } from 'chai';
import {
  bufferTime,
  concat,
  EMPTY,
  map,
  NEVER,
  of,
  repeat,
  ReplaySubject,
  retry,
  Subject,
  take,
  takeUntil,
  throwError,
  timer,
  type Observable,
} from 'rxjs';
import { TrackedShard, trackedShardOf } from '../../lib/tracking/tracked-shard.js';
import { isShardReadError } from '../../lib/kinesis/errors.js';
import type { PortChildShard } from '../../lib/kinesis/port.js';
import { entriesOf } from '../../lib/tracking/tracked-block.js';
import type { UntimedEvent } from '../../lib/monitoring/events.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import { resolveShardConfig } from '../../lib/shards/config.js';
import { makeShard, type MakeShardOptions } from '../../lib/shards/make-shard.js';
import type { SubscriptionState } from '../../lib/shards/shard-phase.js';
import { fakeKinesis } from '../../lib/testing/kinesis/fakeKinesis.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import { isInvalidConfig } from '../../lib/values/errors.js';
import type { Block } from '../../lib/values/block.js';
import type { KinesisRecord } from '../../lib/values/record.js';
import { recordFields } from '../support/record-fields.js';
import { fastReading, identityOf } from '../support/fast-reading.js';
import type { ReadStart, Reader, ShardPage } from '../../lib/readers/reader.js';

const HORIZON: ReadStart = { type: 'TRIM_HORIZON' };
const child: PortChildShard = {
  ShardId: 'shardId-000000000001',
  ParentShards: [],
  HashKeyRange: { StartingHashKey: '0', EndingHashKey: '1' },
};

/** A page of records by number. */
function page(numbers: readonly number[], ended = false): ShardPage {
  const records = numbers.map((number) => recordFields(number));
  return { records, bytes: records.length, millisBehindLatest: 0, ended, childShards: ended ? [child] : [] };
}

/** A shard with a reader by hand, and what it tells. */
function shardWith(
  reader: Reader,
  { stop$ = NEVER, ...options }: Partial<MakeShardOptions> & { readonly stop$?: Observable<unknown> } = {},
) {
  const events: UntimedEvent[] = [];
  const ends: SubscriptionState[] = [];
  const children: Array<readonly PortChildShard[]> = [];
  const tracked = new TrackedShard({ identity: { ...identityOf(0, [7]) }, notify: (event) => void events.push(event) });
  stop$.subscribe(() => tracked.stop());
  const config = {
    ...resolveShardConfig(fastReading(fakeKinesis({ shards: {} }))),
    reader,
    notify: (event: UntimedEvent) => void events.push(event),
  };
  const shard = makeShard({
    config,
    tracked,
    open: () => of(HORIZON),
    ended: (became) => void children.push(became),
    subscribed: (state) => void ends.push(state),
    ...options,
  });
  return { shard, tracked, events, ends, children };
}

const numbers = map((record: KinesisRecord) => record.sequenceNumber);
const places = (starts: readonly ReadStart[]): string[] =>
  starts.map((start) => ('position' in start ? `${start.type} ${start.position.sequenceNumber}` : start.type));

describe('makeShard', () => {
  it('makes an Observable with the place of the shard, and ties what tracks it to it', () => {
    const { shard, tracked } = shardWith(() => EMPTY);
    expect(shard).to.include({ streamName: 'stream', shardId: 'shardId-000000000000' });
    expect(shard.parentShardIds).to.deep.equal(['shardId-000000000007']);
    expect(shard).not.to.have.any.keys('hashKeyRange', 'fencingToken');
    expect(trackedShardOf(shard)).to.equal(tracked);
  });

  for (const [cause, end] of [
    ['stop', (tracked: TrackedShard) => tracked.stop()],
    ['a lost lease', (tracked: TrackedShard) => tracked.lose()],
  ] as const)
    it(`emits the rest of a page that it has delivered when ${cause} comes with one of its records, and reads no further`, () => {
      const pages$ = new Subject<ShardPage>();
      const { shard, tracked, ends } = shardWith(() => pages$);
      const seen: string[] = [];
      shard.pipe(numbers).subscribe({
        next: (number) => {
          seen.push(number);
          if (number === '2') end(tracked);
        },
        complete: () => seen.push('complete'),
      });
      pages$.next(page([1, 2, 3]));
      expect(seen).to.deep.equal(['1', '2', '3', 'complete']);
      expect(ends).to.deep.equal(['active', 'complete']);
      expect(pages$.observed).to.equal(false);
    });

  it('has the fencing token of its lease', () => {
    const { shard } = shardWith(() => EMPTY, { fencingToken: '7' });
    expect(shard.fencingToken).to.equal('7');
    expect(Object.keys(shard)).to.include('fencingToken');
  });

  it(
    'emits the records of the pages, and completes with the reader; only an end that was seen is the end of the shard',
    marbles(({ cold, expectObservable, flush }) => {
      const pages = { a: page([1, 2]), b: page([]), c: page([3], true) };
      const ended = shardWith(() => cold('-a-b-c-|', pages));
      const cut = shardWith(() => cold('-a-b-|', pages));
      expectObservable(ended.shard.pipe(numbers)).toBe('-(12)3-|');
      expectObservable(cut.shard.pipe(numbers)).toBe('-(12)|');
      flush();

      expect(ended.children).to.deep.equal([[child]]);
      expect(ended.tracked.ledger.hasEnded).to.be.true;
      expect(ended.events.map(({ type }) => type)).to.deep.equal(['pageRead', 'pageRead', 'pageRead', 'shardEndReached']);
      expect(cut.children).to.deep.equal([]);
      expect(cut.tracked.ledger.hasEnded).to.be.false;
    }),
  );

  it(
    'never and empty: as the reader',
    marbles(({ expectObservable }) => {
      expectObservable(shardWith(() => NEVER).shard).toBe('-');
      expectObservable(shardWith(() => EMPTY).shard).toBe('|');
    }),
  );

  it('has told of the end, and knows it, before it completes', () => {
    const { shard, tracked, children } = shardWith(() => of(page([1], true)));
    let seen: unknown;
    shard.subscribe({ complete: () => (seen = [tracked.ledger.hasEnded, children.length]) });
    expect(seen).to.deep.equal([true, 1]);
  });

  it(
    'errors with a ShardReadError that names the shard and the last record',
    marbles(({ cold, flush }) => {
      const { shard } = shardWith(() =>
        cold('-a#', { a: page([1, 2]) }, Object.assign(new Error('secret'), { name: 'AccessDeniedException' })),
      );
      let error: unknown;
      shard.subscribe({ error: (thrown: unknown) => (error = thrown) });
      flush();
      if (!isShardReadError(error)) throw new Error('expected a ShardReadError');
      expect(error).to.deep.include({ streamName: 'stream', shardId: 'shardId-000000000000', retriable: false });
      expect(error.position).to.include({ sequenceNumber: '2' });
      expect(error.message).not.to.include('secret');
    }),
  );

  it('stops a page in the middle when it is unsubscribed there', () => {
    const { shard, ends } = shardWith(() => of(page([1, 2, 3, 4])));
    const seen: string[] = [];
    shard.pipe(numbers, take(2)).subscribe((number) => seen.push(number));
    expect(seen).to.deep.equal(['1', '2']);
    expect(ends).to.deep.equal(['active', 'unsubscribe']);
  });

  it(
    'unsubscribes the reader at once, when unsubscribed, when stopped, and when the lease is lost',
    marbles(({ cold, scheduler, expectObservable, expectSubscriptions }) => {
      const readings = [
        cold('-a---b', { a: page([1]), b: page([2]) }),
        cold('-a---b', { a: page([1]), b: page([2]) }),
        cold('-a---b', { a: page([1]), b: page([2]) }),
      ];
      const subs = '^--!';
      expectObservable(shardWith(() => readings[0]!).shard.pipe(numbers), subs).toBe('-1--');
      expectObservable(shardWith(() => readings[1]!, { stop$: timer(3) }).shard.pipe(numbers)).toBe('-1-|');
      const lost = shardWith(() => readings[2]!);
      scheduler.schedule(() => lost.tracked.lose(), 3);
      expectObservable(lost.shard.pipe(numbers)).toBe('-1-|');
      for (const reading of readings) expectSubscriptions(reading.subscriptions).toBe(subs);
    }),
  );

  it(
    'flushes what is buffered behind it when it is stopped',
    marbles(({ cold, expectObservable }) => {
      const { shard } = shardWith(() => cold('-a-a-a', { a: page([1]) }), { stop$: timer(4) });
      expectObservable(
        shard.pipe(
          bufferTime(100),
          map((records) => records.length),
        ),
      ).toBe('----(2|)', { 2: 2 });
    }),
  );

  it(
    'is not opened when it is stopped already',
    marbles(({ expectObservable, flush }) => {
      let opened = 0;
      const open = (): Observable<ReadStart> => of(HORIZON).pipe(map((start) => (opened++, start)));
      expectObservable(shardWith(() => NEVER, { stop$: of(0), open }).shard).toBe('|');
      flush();
      expect(opened).to.equal(0);
    }),
  );

  describe('with a second subscriber', () => {
    it(
      'gives that an InvalidConfigError that says what to do, and goes on for the first',
      marbles(({ cold, expectObservable, flush }) => {
        const { shard, ends } = shardWith(() => cold('-a-b', { a: page([1]), b: page([2]) }));
        const errors: unknown[] = [];
        expectObservable(shard.pipe(numbers), '^----!').toBe('-1-2');
        timer(2).subscribe(() => shard.subscribe({ error: (error: unknown) => errors.push(error) }));
        flush();
        expect(errors).to.have.length(1);
        expect(errors[0]).to.satisfy(isInvalidConfig);
        expect((errors[0] as Error).message).to.equal(
          'stream/shardId-000000000000: the shard has a subscriber; share() it to have more, of which only one may make blocks',
        );
        expect(ends).to.deep.equal(['active', 'unsubscribe']);
      }),
    );

    it('after the first is gone reads on', () => {
      const { shard } = shardWith(() => of(page([1])));
      const seen: string[] = [];
      concat(shard, shard.pipe(take(1)), shard)
        .pipe(numbers)
        .subscribe((number) => seen.push(number));
      expect(seen).to.deep.equal(['1', '1', '1']);
    });
  });

  describe('subscribed again', () => {
    /** Notes where each reading begins; the first gives two pages and fails. */
    function failing(): { reader: Reader; starts: ReadStart[] } {
      const starts: ReadStart[] = [];
      const reader: Reader = (_context, start) => {
        starts.push(start);
        return starts.length === 1
          ? concat(
              of(page([1, 2]), page([3, 4])),
              throwError(() => new Error('network')),
            )
          : of(page([3, 4, 5]));
      };
      return { reader, starts };
    }

    it('begins at the watermark, and forgets what was not settled', () => {
      const { reader, starts } = failing();
      const { shard, tracked } = shardWith(reader);
      const blocks$ = shard.pipe(
        map((record) => [record]),
        withSequenceRanges(),
      );
      blocks$.pipe(retry(1)).subscribe(({ ranges }) => {
        const [found] = entriesOf(ranges);
        if (Number(ranges.ranges[0]!.fromSeqNumber) <= 2) tracked.ledger.settle(found!.entry);
      });
      expect(places(starts)).to.deep.equal(['TRIM_HORIZON', 'AFTER 2']);
      expect(tracked.ledger.openEntries().map(({ end }) => end.sequenceNumber)).to.deep.equal(['3', '4', '5']);
    });

    it('begins where it began, when nothing is settled', () => {
      const { reader, starts } = failing();
      shardWith(reader).shard.pipe(retry(1)).subscribe();
      expect(places(starts)).to.deep.equal(['TRIM_HORIZON', 'TRIM_HORIZON']);
    });

    it('under recoverFrom goes on after the last delivered record, and forgets nothing', () => {
      const { reader, starts } = failing();
      const { shard, tracked } = shardWith(reader);
      const onFailure = (): Observable<0> => {
        tracked.resumeAfterDelivered({});
        return of(0);
      };
      shard.pipe(retry({ delay: onFailure })).subscribe();
      expect(places(starts)).to.deep.equal(['TRIM_HORIZON', 'AFTER 4']);
      expect(tracked.resumes).to.be.false;
      expect(tracked.ledger.unclaimedAfter(0)).to.have.length(3);
    });

    it('tells the reader whether its start was delivered here, or is only a checkpoint', () => {
      const { reader, starts } = failing();
      const { shard, tracked } = shardWith(reader);
      tracked.ledger.settleThrough(recordFields(1));
      const blocks$ = shard.pipe(
        map((record) => [record]),
        withSequenceRanges(),
        take(1),
      );
      const settle = ({ ranges }: Block): void => entriesOf(ranges).forEach(({ entry }) => tracked.ledger.settle(entry));
      blocks$.subscribe();
      blocks$.subscribe(settle);
      blocks$.subscribe();
      expect(starts.map((start) => 'isProven' in start && start.isProven)).to.deep.equal([false, false, true]);
    });

    it('tells the reader so of a checkpoint too whose record has come before, though nothing behind it', () => {
      const { shard, tracked } = shardWith((_context, start) => {
        starts.push(start);
        if ('noteSeen' in start) start.noteSeen?.();
        return EMPTY;
      });
      const starts: ReadStart[] = [];
      tracked.ledger.settleThrough(recordFields(1));
      shard.pipe(repeat(2)).subscribe();
      expect(starts.map((start) => 'isProven' in start && start.isProven)).to.deep.equal([false, true]);
    });

    it('forgets what was not settled also when it is stopped before it reads (regression: that was taken for its own)', () => {
      const { reader } = failing();
      const stop$ = new ReplaySubject<void>(1);
      const { shard, tracked } = shardWith(reader, { stop$ });
      shard.subscribe({ error: () => stop$.next() });
      expect(tracked.ledger.isSettled).to.be.false;
      shard.subscribe();
      expect(tracked.ledger.isSettled).to.be.true;
      expect(tracked.ledger.watermark).to.equal(undefined);
    });

    for (const [reader, pages] of Object.entries({
      later: () => new Subject<ShardPage>(),
      'at once': () => of(page([1, 2, 3], true)),
    }))
      it(`does not end when \`stop\` and an error came with a record of the last page before, which was read ${reader}`, () => {
        const pages$ = pages();
        const { shard, tracked, children, events } = shardWith(() => pages$);
        let failures = 0;
        const failing = map((record: KinesisRecord) => {
          if (failures++ > 0) return record;
          tracked.stop();
          throw new Error('work');
        });
        const seen: string[] = [];
        shard.pipe(failing, retry(1), numbers).subscribe({ next: (number) => seen.push(number), complete: () => seen.push('complete') });
        if (pages$ instanceof Subject) pages$.next(page([1, 2, 3], true));
        expect(seen).to.deep.equal(['complete']);
        expect([tracked.ledger.hasEnded, children]).to.deep.equal([false, []]);
        expect(events.map(({ type }) => type)).not.to.include('shardEndReached');
      });

    it('counts no page of the subscription before, which its own event ended', () => {
      const pages$ = new Subject<ShardPage>();
      const again$ = new Subject<void>();
      const starts: ReadStart[] = [];
      const reader: Reader = (_context, start) => (starts.push(start), pages$);
      const tracked = new TrackedShard({
        identity: { ...identityOf(0) },
        notify: ({ type }) => type === 'pageRead' && starts.length === 1 && again$.next(),
      });
      const { shard } = shardWith(reader, { tracked });
      const seen: string[] = [];
      const once$ = shard.pipe(numbers, takeUntil(again$));
      const subscription = once$.pipe(repeat(2)).subscribe((number) => seen.push(number));
      pages$.next(page([1, 2]));
      expect(places(starts)).to.deep.equal(['TRIM_HORIZON', 'TRIM_HORIZON']);
      expect([seen, tracked.ledger.delivered]).to.deep.equal([[], undefined]);
      subscription.unsubscribe();
    });

    it('tells when each subscription begins and how it ends', () => {
      const { reader } = failing();
      const { shard, ends } = shardWith(reader);
      shard.pipe(retry(1), repeat(2), take(8)).subscribe();
      expect(ends).to.deep.equal(['active', 'error', 'active', 'complete', 'active', 'unsubscribe']);
    });
  });
});

import { expect } from 'chai';
import {
  bufferTime,
  catchError,
  concat,
  filter,
  map,
  mergeMap,
  of,
  retry,
  Subject,
  throwError,
  timer,
  toArray,
  type Observable,
} from 'rxjs';
import { memoryCheckpoints } from '../../lib/checkpoints/memoryCheckpoints.js';
import type { CheckpointStore } from '../../lib/checkpoints/checkpoint-store.js';
import { isRangeExpired } from '../../lib/kinesis/errors.js';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import { checkpointEvery } from '../../lib/operators/checkpointEvery.js';
import { mergeShards } from '../../lib/operators/mergeShards.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import { kinesisShard } from '../../lib/sources/kinesisShard.js';
import { fakeKinesis, type FakeKinesis } from '../../lib/testing/kinesis/fakeKinesis.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import { toShardId } from '../../lib/testing/shard-name.js';
import { isInvalidConfig } from '../../lib/values/errors.js';
import type { KinesisRecord } from '../../lib/values/record.js';
import { readBudget } from '../../lib/kinesis/read-budget.js';
import type { Shard } from '../../lib/shards/shard.js';
import { storeWith } from '../support/kept-checkpoints.js';
import { recordingStore } from '../support/recording-store.js';
import sinon from 'sinon';
import { fastReading, identityOf, textOf, textsOf, type ShardFields } from '../support/fast-reading.js';
import { spiedScheduler } from '../support/spied-scheduler.js';
import { timelineOf } from '../support/timeline.js';

const shardOf = (kinesis: FakeKinesis, config: ShardFields = {}) =>
  kinesisShard({ ...fastReading(kinesis), shardId: toShardId(0), ...config });
const texts = (kinesis: FakeKinesis, config: ShardFields = {}): Observable<string> => shardOf(kinesis, config).pipe(map(textOf));

describe('kinesisShard', () => {
  it(
    'emits nothing of an empty shard, and polls it in peace (regression: idle polling without a pause)',
    marbles(({ expectObservable, flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: '' } });
      expectObservable(texts(kinesis, { reader: undefined, budget: undefined, random: () => 0 }), '^ 5s !').toBe('-');
      flush();
      const times = kinesis.callsOf('getRecords').map(({ atMs }) => atMs);
      expect(times.slice(0, 4)).to.deep.equal([1, 252, 503, 754]);
      expect(times).to.have.length.within(10, 14);
    }),
  );

  it(
    "reads each 200 ms with latency: 'low'",
    marbles(({ expectObservable, flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: '' } });
      expectObservable(texts(kinesis, { reader: undefined, latency: 'low', budget: undefined, random: () => 0 }), '^ 1s !').toBe('-');
      flush();
      expect(kinesis.callsOf('getRecords').map(({ atMs }) => atMs)).to.deep.equal([1, 201, 401, 601, 801]);
    }),
  );

  it(
    'emits the records that come together with the end (regression: a page with records and no next iterator was dropped)',
    marbles(({ expectObservable }) => {
      expectObservable(texts(fakeKinesis({ shards: { 0: 'abc|^' } })).pipe(toArray())).toBe('---(a|)', { a: ['a', 'b', 'c'] });
    }),
  );

  it(
    'errors with RangeExpiredError when records behind its checkpoint are trimmed (regression: a silent horizon)',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'abcdef^' }, trims: [{ shard: 0, through: 'd' }] });
      let error: unknown;
      texts(kinesis, { store: storeWith({ 0: '2' }) }).subscribe({ error: (thrown: unknown) => (error = thrown) });
      flush();
      if (!isRangeExpired(error)) throw new Error(`expected a RangeExpiredError, got ${String(error)}`);
      expect(error.gap).to.deep.include({
        from: { sequenceNumber: '2', subSequenceNumber: 0 },
        firstAvailable: { sequenceNumber: '5', subSequenceNumber: 0 },
      });
    }),
  );

  it(
    'asks again when onGap throws, and passes over no gap without its word (regression: the second read passed over it in silence)',
    marbles(({ expectObservable, flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'abcdef|^' }, trims: [{ shard: 0, through: 'd' }] });
      const failure = new Error('of onGap');
      const events: string[] = [];
      const onGap = (): never => {
        throw failure;
      };
      const config = {
        ...{ store: storeWith({ 0: '2' }), onGap, retry: { maxRetries: 1 } },
        events: { next: ({ type }: KinesisEvent) => void events.push(type) },
      };
      const causes$ = texts(kinesis, config).pipe(catchError((error: unknown) => throwError(() => (error as Error).cause)));

      expectObservable(causes$).toBe('59ms #', undefined, failure);
      flush();
      expect(events).to.not.include('gap');
    }),
  );

  it(
    'has one subscriber at a time',
    marbles(({ expectObservable, flush }) => {
      const shard = shardOf(fakeKinesis({ shards: { 0: 'a^------b' } }));
      const errors: unknown[] = [];
      expectObservable(shard.pipe(map(textOf)), '^ 19ms !').toBe('--a---------b');
      timer(5).subscribe(() => shard.subscribe({ error: (error: unknown) => errors.push(error) }));
      flush();
      expect(errors).to.have.length(1);
      expect(errors[0]).to.satisfy(isInvalidConfig);
    }),
  );

  it(
    'takes no lease and starts no child',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'a^|', 1: { parents: [0], records: '--b' } } });
      const store = { ...memoryCheckpoints(), take: () => expect.fail('take'), release: () => expect.fail('release') };
      const timeline = timelineOf(texts(kinesis, { store }));
      flush();
      expect(timeline.map((line) => line.split(' ')[1])).to.deep.equal(['a', 'complete']);
    }),
  );

  describe('at its beginning', () => {
    it(
      'begins after its checkpoint',
      marbles(({ expectObservable }) => {
        expectObservable(
          texts(fakeKinesis({ shards: { 0: 'abcd|^' } }), { store: storeWith({ 0: '2' }), startFrom: 'LATEST' }).pipe(toArray()),
        ).toBe('----(a|)', { a: ['c', 'd'] });
      }),
    );

    it(
      'completes at once when it is done',
      marbles(({ expectObservable, flush }) => {
        const kinesis = fakeKinesis({ shards: { 0: 'ab|^' } });
        expectObservable(texts(kinesis, { store: storeWith({ 0: 'SHARD_END' }) })).toBe('-|');
        flush();
        // The listing says that the checkpoint is of this shard.
        expect(kinesis.calls.map(({ method }) => method)).to.deep.equal(['listShards']);
      }),
    );

    it(
      'begins at the moment of its first subscription with LATEST, whatever fails until then (regression: the moment moved on)',
      marbles(({ flush }) => {
        const kinesis = fakeKinesis({ shards: { 0: 'a^-------b 40ms c' } });
        const inner = memoryCheckpoints();
        let failures = 2;
        const store: CheckpointStore = {
          ...inner,
          read: (shard) => {
            if (failures-- > 0) throw Object.assign(new Error('no'), { name: 'AccessDeniedException' });
            return inner.read(shard);
          },
        };
        const timeline = timelineOf(texts(kinesis, { store, startFrom: 'LATEST' }).pipe(retry({ delay: () => timer(10) })), 80);
        flush();
        expect(timeline.map((line) => line.split(' ')[1])).to.deep.equal(['b', 'c']);
      }),
    );

    it(
      'begins at a Date',
      marbles(({ flush }) => {
        const kinesis = fakeKinesis({ shards: { 0: 'abc^d' } });
        const timeline = timelineOf(texts(kinesis, { startFrom: new Date(-2) }), 30);
        flush();
        expect(timeline.map((line) => line.split(' ')[1])).to.deep.equal(['b', 'c', 'd']);
      }),
    );

    it(
      'says where it begins, once',
      marbles(({ flush }) => {
        const kinesis = fakeKinesis({ shards: { 0: 'ab|^' } });
        const events: KinesisEvent[] = [];
        const shard = shardOf(kinesis, {
          store: storeWith({ 0: '1' }),
          parentShardIds: [toShardId(9)],
          events: { next: (event) => void events.push(event) },
        });
        concat(shard, shard).subscribe();
        flush();
        expect(events.filter(({ type }) => type === 'shardStarted')).to.have.length(1);
        const [started] = events;
        expect(started).to.deep.include({
          type: 'shardStarted',
          streamName: 'stream',
          shardId: toShardId(0),
          parentShardIds: [toShardId(9)],
        });
        expect((started as { start?: unknown }).start).to.include({ sequenceNumber: '1' });
      }),
    );
  });

  describe('subscribed again', () => {
    it(
      'goes on at its watermark: what was not settled comes again',
      marbles(({ flush }) => {
        const kinesis = fakeKinesis({ shards: { 0: 'ab^-------cd-------------------e' }, maxRecordsPerPage: 2 });
        const store = memoryCheckpoints();
        const seen: string[] = [];
        let isFirst = true;
        const blocks$ = shardOf(kinesis, { store }).pipe(
          bufferTime(5),
          withSequenceRanges(),
          mergeMap((block) => {
            if (isFirst && textsOf(block.records).startsWith('c')) {
              isFirst = false;
              throw new Error('handler');
            }
            return of(block);
          }),
          checkpointEvery(10),
          map((block) => seen.push(textsOf(block.records))),
          retry({ delay: () => timer(5) }),
        );
        timelineOf(blocks$, 100);
        flush();
        expect(seen).to.deep.equal(['ab', 'cd', 'e']);
      }),
    );

    it(
      'is stopped by a stop that fired in between (regression: it was missed, and the shard never completed)',
      marbles(({ flush }) => {
        const kinesis = fakeKinesis({ shards: { 0: 'a^' }, faults: [{ method: 'getRecords', error: 'AccessDeniedException', fromMs: 5 }] });
        const stop = new Subject<void>();
        timer(30).subscribe(() => stop.next());
        const timeline = timelineOf(texts(kinesis, { stop }).pipe(retry({ delay: () => timer(100) })), 10_000);
        flush();
        expect(timeline).to.deep.equal(['2 a', '112 complete']);
      }),
    );
  });

  it(
    'completes when stop fires, and lets the pipeline drain: SHARD_END is written only at the end of the shard',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'abc^ 100ms d|' } });
      const store = memoryCheckpoints();
      const run = (stop: Observable<unknown>) =>
        timelineOf(
          shardOf(kinesis, { store, stop }).pipe(
            bufferTime(1_000),
            withSequenceRanges(),
            checkpointEvery(60_000),
            map((block) => textsOf(block.records)),
          ),
        );
      const checkpoints: unknown[] = [];
      const look = (): void =>
        void (store.read(identityOf(0)) as Observable<{ sequenceNumber: string }>).subscribe((found) =>
          checkpoints.push(found.sequenceNumber),
        );
      const first = run(timer(20));
      flush();
      look();
      const second = run(timer(1_000));
      flush();
      look();
      expect(first).to.deep.equal(['20 abc', '20 complete']);
      expect(second.map((line) => line.split(' ')[1])).to.deep.equal(['d', 'complete']);
      expect(checkpoints).to.deep.equal(['3', 'SHARD_END']);
    }),
  );

  it(
    'keeps its time by the scheduler it is given',
    marbles(({ scheduler, flush }) => {
      const { spied, delaysMs } = spiedScheduler(scheduler);
      const kinesis = fakeKinesis({ shards: { 0: 'a^' }, faults: [{ method: 'getRecords', error: 'InternalFailureException' }] });
      timelineOf(texts(kinesis, { scheduler: spied, reader: undefined, budget: undefined, random: () => 0.5 }), 1_500);
      flush();
      // The back-off, what is left of the 200 ms between reads, the pause of an idle reader.
      expect(delaysMs).to.include.members([50, 375]);
      expect(delaysMs.some((ms) => ms > 50 && ms <= 200)).to.be.true;
    }),
  );

  it(
    'does not care what an observer of its events throws',
    marbles(({ expectObservable }) => {
      const next = (): void => {
        throw new Error('observer');
      };
      expectObservable(texts(fakeKinesis({ shards: { 0: 'a|^' } }), { events: { next } })).toBe('---(a|)');
    }),
  );

  describe('with a config that cannot work', () => {
    const bad: Record<string, [object, RegExp]> = {
      'a misspelt option': [{ shardID: 'x' }, /unknown option shardID/],
      'an option of the stream': [{ discoveryIntervalMs: 5 }, /unknown option discoveryIntervalMs/],
      'no shard': [{ shardId: undefined }, /shardId: expected a non-empty string/],
      'an empty id': [{ shardId: '' }, /shardId: expected a non-empty string/],
      'startFrom missing': [{ startFrom: undefined }, /startFrom/],
      'a negative credit': [{ maxInFlightBytes: -1 }, /maxInFlightBytes.*got -1/],
    };
    for (const [name, [config, message]] of Object.entries(bad)) {
      it(`refuses when called: ${name}`, () => {
        expect(() => shardOf(fakeKinesis({ shards: {} }), config))
          .to.throw(message)
          .that.satisfies(isInvalidConfig);
      });
    }
  });

  describe('at its end', () => {
    const followed = (kinesis: FakeKinesis, config: ShardFields = {}) => {
      const seen: string[] = [];
      const budget = readBudget({ readsPerSecond: Infinity, bytesPerSecond: Infinity });
      const forget = sinon.spy(budget, 'forget');
      const next = (event: KinesisEvent): void => void (event.type === 'shardReleased' && seen.push(`released: ${event.reason}`));
      const shard = shardOf(kinesis, { events: { next }, budget, ...config });
      shard.leaseLost$.subscribe({ next: () => seen.push('lost'), complete: () => seen.push('leaseLost$ completes') });
      return { shard, seen, forget };
    };
    const pipeline = (shard: Observable<KinesisRecord>): Observable<unknown> =>
      shard.pipe(
        bufferTime(5),
        withSequenceRanges(),
        mergeMap((block) => timer(20).pipe(map(() => block))),
        checkpointEvery(1_000),
      );

    it(
      'is released when it is read to its end and its work is settled: leaseLost$ completes, its budget is forgotten, SHARD_END is written',
      marbles(({ flush }) => {
        const store = recordingStore();
        const { shard, seen, forget } = followed(fakeKinesis({ shards: { 0: 'ab|^' } }), { store });
        pipeline(shard).subscribe({ complete: () => seen.push('complete') });
        flush();
        expect(seen).to.deep.equal(['complete', 'leaseLost$ completes', 'released: ended']);
        expect(forget.calledOnceWithExactly('stream/shardId-000000000000')).to.equal(true);
        expect(store.kept.at(-1)).to.match(/SHARD_END$/);
      }),
    );

    it(
      'is released when stop has fired and its work is drained',
      marbles(({ flush }) => {
        const store = recordingStore();
        const { shard, seen } = followed(fakeKinesis({ shards: { 0: 'ab^' } }), { store, stop: timer(10) });
        pipeline(shard).subscribe();
        flush();
        expect(seen).to.deep.equal(['leaseLost$ completes', 'released: stopped']);
        expect(store.kept.map((line) => line.split(' ')[1])).to.deep.equal(['2']);
      }),
    );

    for (const [name, supervised, last] of [
      ['not as ended when a filter drops all that is read between a start and the end: nobody says that it is done', false, []],
      ['as ended in that case under mergeShards, which sees the pipeline complete', true, ['SHARD_END']],
    ] as const) {
      it(
        name,
        marbles(({ flush }) => {
          const store = recordingStore();
          const { shard } = followed(fakeKinesis({ shards: { 0: 'ab|^' } }), { store });
          const dropping = (records$: Shard): Observable<unknown> => pipeline(records$.pipe(filter(() => false)));
          (supervised ? of(shard).pipe(mergeShards(dropping)) : dropping(shard)).subscribe();
          flush();
          expect(store.kept.map((line) => line.split(' ')[1])).to.deep.equal(last);
        }),
      );
    }

    it(
      'is not released when it is unsubscribed: it lets go of stop, and reads on with the next subscription',
      marbles(({ flush }) => {
        const stop = new Subject<void>();
        const { shard, seen } = followed(fakeKinesis({ shards: { 0: 'ab^' } }), { stop });
        const first = shard.subscribe();
        expect(stop.observed).to.equal(true);
        first.unsubscribe();
        expect(stop.observed).to.equal(false);
        timer(30).subscribe(() => stop.next());
        pipeline(shard).subscribe();
        flush();
        expect(seen).to.deep.equal(['leaseLost$ completes', 'released: stopped']);
        expect(stop.observed).to.equal(false);
      }),
    );

    it(
      'is released once: subscribed again afterwards it completes at once',
      marbles(({ flush }) => {
        const { shard, seen } = followed(fakeKinesis({ shards: { 0: 'a^' } }), { stop: timer(10) });
        shard.subscribe();
        flush();
        const again = timelineOf(shard);
        flush();
        expect(again).to.have.length(1);
        expect(again[0]).to.match(/complete$/);
        expect(seen).to.have.length(2);
      }),
    );
  });
});

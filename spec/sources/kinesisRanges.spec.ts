import { expect } from 'chai';
import { concat, map, mergeMap, NEVER, of, retry, take, timer, toArray, type Observable } from 'rxjs';
import { isRangeExpired, isRangeIncomplete, isRecoveryTimeout, isShardReadError } from '../../lib/kinesis/errors.js';
import { polling } from '../../lib/kinesis/polling.js';
import { readBudget } from '../../lib/kinesis/read-budget.js';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import { kinesisRange, type KinesisRangeConfig } from '../../lib/sources/kinesisRange.js';
import { kinesisRanges, type KinesisRangesConfig } from '../../lib/sources/kinesisRanges.js';
import { kinesisShard } from '../../lib/sources/kinesisShard.js';
import { fakeKinesis, type FakeKinesis } from '../../lib/testing/fakeKinesis.js';
import type { TrimmedReads } from '../../lib/testing/fake-script.js';
import { marbles } from '../../lib/testing/marbles.js';
import { toShardId } from '../../lib/testing/shard-name.js';
import { isInvalidConfig, isInvalidValue } from '../../lib/values/errors.js';
import { SequenceNumberRanges, type SequenceNumberRange } from '../../lib/values/sequence-range.js';
import { manyLetters, numberOf, textOf } from '../support/fast-reading.js';
import { timelineOf } from '../support/timeline.js';

/** A range by the numbers of its ends, such as `3` or `3.1`. */
function range(from: string | number, to: string | number, recordCount?: number, shard = 0): SequenceNumberRange {
  const [fromSeqNumber, fromSub = '0'] = String(from).split('.') as [string, string?];
  const [toSeqNumber, toSub = '0'] = String(to).split('.') as [string, string?];
  return {
    streamName: 'stream',
    shardId: toShardId(shard),
    fromSeqNumber,
    toSeqNumber,
    fromSubSeqNumber: Number(fromSub),
    toSubSeqNumber: Number(toSub),
    recordCount: recordCount ?? Number(toSeqNumber) - Number(fromSeqNumber) + 1,
  };
}

const unbounded = () => readBudget({ readsPerSecond: Infinity, bytesPerSecond: Infinity });

const ranges = (
  kinesis: FakeKinesis,
  list: readonly SequenceNumberRange[],
  config: Partial<KinesisRangesConfig> = {},
): Observable<string> => kinesisRanges(list, { client: kinesis, budget: unbounded(), random: () => 0.5, ...config }).pipe(map(textOf));

const single = (kinesis: FakeKinesis, one: SequenceNumberRange, config: Partial<KinesisRangeConfig> = {}): Observable<string> =>
  kinesisRange(one, { client: kinesis, budget: unbounded(), random: () => 0.5, ...config }).pipe(map(textOf));

/** The error that a read ends with, and what it emitted before. */
function failureOf(source$: Observable<string>, flush: () => void): { error: unknown; texts: string } {
  const result = { error: undefined as unknown, texts: '' };
  source$.subscribe({ next: (text) => (result.texts += text), error: (error: unknown) => (result.error = error) });
  flush();
  return result;
}

const letters = (timeline: readonly string[]): string => timeline.map((line) => line.split(' ')[1]).join('');

describe('kinesisRange', () => {
  it(
    'emits exactly the records of the range, then completes',
    marbles(({ expectObservable }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'abcdefg^' } });
      const { c, d, e } = kinesis.values;
      const records$ = kinesisRange(range(3, 5), { client: kinesis });
      expectObservable(records$).toBe('--(cde|)', { c, d, e });
    }),
  );

  it(
    'asks for no more than the range, from its first record on',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: `${manyLetters(100)}^` } });
      const timeline = timelineOf(single(kinesis, range(21, 60), { maxRecordsPerPage: 30 }));
      flush();
      expect(timeline).to.have.length(41);
      expect(kinesis.callsOf('getShardIterator')).to.have.length(1);
      expect(kinesis.callsOf('getShardIterator')[0]).to.include({ type: 'AT_SEQUENCE_NUMBER', startingSequenceNumber: '21' });
      expect(kinesis.callsOf('getRecords').map(({ limit }) => limit)).to.deep.equal([30, 10]);
    }),
  );

  it(
    'reads a range of one record',
    marbles(({ expectObservable }) => {
      expectObservable(single(fakeKinesis({ shards: { 0: 'abc^' } }), range(2, 2))).toBe('--(b|)');
    }),
  );

  it(
    'passes over empty pages, also inside the range',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({
        shards: { 0: 'abcdef^' },
        maxRecordsPerPage: 2,
        faults: [
          { answer: 'empty', fromMs: 1, times: 2 },
          { answer: 'empty', fromMs: 5, times: 3 },
        ],
      });
      const timeline = timelineOf(single(kinesis, range(2, 5)));
      flush();
      expect(letters(timeline)).to.equal('bcdecomplete');
    }),
  );

  it(
    'cuts KPL aggregates at both ends: records that share a sequence number are told apart',
    marbles(({ flush }) => {
      const records = [
        { sequenceNumber: 10, data: 'a' },
        { subSequenceNumber: 1, data: 'b' },
        { subSequenceNumber: 2, data: 'c' },
        { sequenceNumber: 11, data: 'd' },
        { sequenceNumber: 12, data: 'e' },
        { subSequenceNumber: 1, data: 'f' },
        { subSequenceNumber: 2, data: 'g' },
      ];
      const kinesis = fakeKinesis({ shards: { 0: { records } } });
      const timeline = timelineOf(single(kinesis, range('10.1', '12.1', 5)));
      flush();
      expect(letters(timeline)).to.equal('bcdefcomplete');
    }),
  );

  it(
    'reads the end of a closed shard',
    marbles(({ expectObservable }) => {
      expectObservable(single(fakeKinesis({ shards: { 0: 'abc|^' } }), range(2, 3)).pipe(toArray())).toBe('---(a|)', { a: ['b', 'c'] });
    }),
  );

  it(
    'opens an iterator that expires inside the range anew, and goes on where it was',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'abcdef^' }, maxRecordsPerPage: 2, expireIteratorsAtMs: [3] });
      const timeline = timelineOf(single(kinesis, range(1, 6)));
      flush();
      expect(letters(timeline)).to.equal('abcdefcomplete');
      expect(kinesis.callsOf('getShardIterator').map(({ startingSequenceNumber }) => startingSequenceNumber)).to.deep.equal(['1', '4']);
    }),
  );

  it(
    'waits out throttling and faults that pass',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({
        shards: { 0: 'abc^' },
        faults: [
          { method: 'getRecords', error: 'ProvisionedThroughputExceededException', times: 3 },
          { method: 'getShardIterator', error: 'InternalFailureException' },
        ],
      });
      const events: string[] = [];
      const timeline = timelineOf(single(kinesis, range(1, 3), { events: { next: ({ type }: KinesisEvent) => void events.push(type) } }));
      flush();
      expect(letters(timeline)).to.equal('abccomplete');
      expect(events).to.deep.equal(Array(4).fill('readRetry'));
    }),
  );

  describe('a range of which Kinesis no longer holds everything', () => {
    const ways: TrimmedReads[] = ['horizon', 'empty-pages', 'InvalidArgumentException', 'ResourceNotFoundException'];
    for (const reads of ways) {
      it(
        `is a RangeExpiredError that names it, never a short read and never foreign records (${reads})`,
        marbles(({ flush }) => {
          const kinesis = fakeKinesis({ shards: { 0: 'abcdefg^' }, trims: [{ shard: 0, through: 'c', reads }] });
          const { error, texts } = failureOf(single(kinesis, range(2, 5)), flush);
          if (!isRangeExpired(error)) throw new Error(`expected a RangeExpiredError, got ${String(error)}`);
          expect(error).to.deep.include({ code: 'RANGE_EXPIRED', retriable: false });
          expect(error.missing).to.deep.equal([range(2, 5)]);
          expect(error.gap).to.deep.include({ streamName: 'stream', shardId: toShardId(0) });
          expect(texts).to.equal('');
        }),
      );

      it(
        `is read as far as it is there under onGap 'continue', with a gap event (${reads})`,
        marbles(({ flush }) => {
          const kinesis = fakeKinesis({ shards: { 0: 'abcdefg^' }, trims: [{ shard: 0, through: 'c', reads }] });
          const events: KinesisEvent[] = [];
          const timeline = timelineOf(
            single(kinesis, range(2, 5), { onGap: 'continue', events: { next: (event) => void events.push(event) } }),
          );
          flush();
          expect(letters(timeline)).to.equal(reads === 'ResourceNotFoundException' ? 'complete' : 'decomplete');
          const gaps = events.filter(({ type }) => type === 'gap');
          expect(gaps).to.have.length(1);
          expect(gaps[0]).to.deep.include({
            streamName: 'stream',
            shardId: toShardId(0),
            from: { sequenceNumber: '2', subSequenceNumber: 0 },
          });
        }),
      );

      it(
        `is an error when all of it is gone (${reads})`,
        marbles(({ flush }) => {
          const kinesis = fakeKinesis({ shards: { 0: 'abcdefg^' }, trims: [{ shard: 0, through: 'f', reads }] });
          const { error, texts } = failureOf(single(kinesis, range(2, 5)), flush);
          expect(error).to.satisfy(isRangeExpired);
          expect(texts).to.equal('');
        }),
      );
    }

    it(
      'is for a function to decide',
      marbles(({ flush }) => {
        const kinesis = fakeKinesis({ shards: { 0: 'abcdefg^' }, trims: [{ shard: 0, through: 'c' }] });
        const gaps: unknown[] = [];
        const timeline = timelineOf(single(kinesis, range(2, 5), { onGap: (gap) => (gaps.push(gap), 'continue') }));
        flush();
        expect(letters(timeline)).to.equal('decomplete');
        expect(gaps).to.have.length(1);
      }),
    );
  });

  describe('a range whose description does not fit', () => {
    for (const [name, bad, found] of [
      ['too few records', range(2, 5, 5), 4],
      ['too many records', range(2, 5, 3), 4],
    ] as const) {
      it(
        `is a RangeIncompleteError: ${name}`,
        marbles(({ flush }) => {
          const kinesis = fakeKinesis({ shards: { 0: 'abcdefg^' } });
          const { error } = failureOf(single(kinesis, bad), flush);
          if (!isRangeIncomplete(error)) throw new Error(`expected a RangeIncompleteError, got ${String(error)}`);
          expect(error).to.deep.include({ code: 'RANGE_INCOMPLETE', retriable: false, found });
          expect(error.missing).to.deep.equal([bad]);
        }),
      );
    }

    it(
      'is a RangeIncompleteError when its last record does not exist: what follows is not emitted',
      marbles(({ flush }) => {
        const kinesis = fakeKinesis({
          shards: { 0: { records: [2, 4, 8, 9].map((sequenceNumber) => ({ sequenceNumber, data: String(sequenceNumber) })) } },
        });
        const { error, texts } = failureOf(single(kinesis, range(2, 6, 3)), flush);
        expect(error).to.satisfy(isRangeIncomplete);
        expect(texts).not.to.match(/[89]/);
      }),
    );

    it(
      'is a RangeIncompleteError when the shard ends before it does',
      marbles(({ flush }) => {
        const { error } = failureOf(single(fakeKinesis({ shards: { 0: 'abc|^' } }), range(2, 5)), flush);
        expect(error).to.satisfy(isRangeIncomplete);
      }),
    );

    it(
      'stays an error under onGap continue',
      marbles(({ flush }) => {
        const { error } = failureOf(single(fakeKinesis({ shards: { 0: 'abcdef^' } }), range(2, 4, 7), { onGap: 'continue' }), flush);
        expect(error).to.satisfy(isRangeIncomplete);
      }),
    );
  });

  describe('when it gets no further', () => {
    for (const [name, fault] of Object.entries({
      'calls fail': { method: 'getRecords' as const, error: 'InternalFailureException', times: 1_000 },
      'calls are throttled': { method: 'getRecords' as const, error: 'ProvisionedThroughputExceededException', times: 1_000 },
      'calls get no answer': { method: 'getRecords' as const, answer: 'never' as const, times: 1_000 },
      'no iterator comes': { method: 'getShardIterator' as const, answer: 'never' as const, times: 1_000 },
    })) {
      it(
        `is a retriable RecoveryTimeoutError after retryTimeoutMs: ${name}`,
        marbles(({ scheduler, flush }) => {
          const kinesis = fakeKinesis({ shards: { 0: 'abc^' }, faults: [fault] });
          const { error } = failureOf(single(kinesis, range(1, 3), { retryTimeoutMs: 3_000, retry: { maxRetries: 1_000 } }), flush);
          if (!isRecoveryTimeout(error)) throw new Error(`expected a RecoveryTimeoutError, got ${String(error)}`);
          expect(error).to.deep.include({ code: 'RECOVERY_TIMEOUT', retriable: true, timeoutMs: 3_000 });
          expect(error.missing).to.deep.equal([range(1, 3)]);
          expect(scheduler.frame).to.be.within(3_000, 3_001);
          expect(kinesis.inFlight).to.equal(0);
        }),
      );
    }

    it(
      'errors with a ShardReadError when access is denied, at once',
      marbles(({ scheduler, flush }) => {
        const kinesis = fakeKinesis({ shards: { 0: 'abc^' }, faults: [{ method: 'getRecords', error: 'AccessDeniedException' }] });
        const { error } = failureOf(single(kinesis, range(1, 3)), flush);
        if (!isShardReadError(error)) throw new Error('expected a ShardReadError');
        expect(error).to.deep.include({ retriable: false, shardId: toShardId(0) });
        expect(scheduler.frame).to.be.below(10);
      }),
    );
  });

  it(
    'aborts its request when it is unsubscribed, and makes no other call',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'abc^' }, latencyMs: 10 });
      timelineOf(single(kinesis, range(1, 3)), 15);
      flush();
      expect(kinesis.calls.map(({ aborted }) => aborted)).to.deep.equal([false, true]);
    }),
  );

  it(
    'stops in the middle of a page when it is unsubscribed there',
    marbles(({ expectObservable, flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'abcdef^' }, maxRecordsPerPage: 4 });
      expectObservable(single(kinesis, range(1, 6)).pipe(take(2))).toBe('--(ab|)');
      flush();
      expect(kinesis.callsOf('getRecords')).to.have.length(1);
    }),
  );

  it(
    'reads anew for each subscriber, and when it is subscribed again',
    marbles(({ expectObservable, flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'abc^' } });
      const range$ = single(kinesis, range(2, 3)).pipe(toArray());
      expectObservable(range$).toBe('--(a|)', { a: ['b', 'c'] });
      expectObservable(concat(range$, range$)).toBe('--a-(a|)', { a: ['b', 'c'] });
      flush();
      expect(kinesis.callsOf('getShardIterator')).to.have.length(3);
    }),
  );

  it(
    'lets a retry begin anew',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'abc^' }, faults: [{ method: 'getRecords', error: 'AccessDeniedException' }] });
      const timeline = timelineOf(single(kinesis, range(1, 3)).pipe(retry(1)));
      flush();
      expect(letters(timeline)).to.equal('abccomplete');
    }),
  );

  it(
    'does not care what an observer of its events throws',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'abc^' }, faults: [{ method: 'getRecords', error: 'InternalFailureException' }] });
      const next = (): void => {
        throw new Error('observer');
      };
      const timeline = timelineOf(single(kinesis, range(1, 3), { events: { next } }));
      flush();
      expect(letters(timeline)).to.equal('abccomplete');
    }),
  );

  it(
    'keeps its time by the scheduler it is given',
    marbles(({ scheduler, flush }) => {
      const work: number[] = [];
      const spied = Object.create(scheduler, {
        schedule: {
          value: (...args: Parameters<typeof scheduler.schedule>) => {
            work.push(args[1] ?? 0);
            return scheduler.schedule(...args);
          },
        },
      }) as typeof scheduler;
      const kinesis = fakeKinesis({
        shards: { 0: 'abc^' },
        maxRecordsPerPage: 2,
        faults: [{ method: 'getRecords', error: 'InternalFailureException' }],
      });
      timelineOf(single(kinesis, range(1, 3), { scheduler: spied, budget: readBudget(), retryTimeoutMs: 4_321 }));
      flush();
      // The time-out, the back-off, what is left of the 200 ms between reads.
      expect(work).to.include.members([4_321, 50]);
      expect(work.some((ms) => ms > 50 && ms <= 200)).to.be.true;
    }),
  );

  describe('refuses when called', () => {
    const client = fakeKinesis({ shards: {} });
    const badRanges: Record<string, unknown> = {
      'no range': undefined,
      'a range without a shard': { ...range(1, 2), shardId: '' },
      'a range that ends before it begins': range(2, 1, 1),
      'a range up to a sentinel': { ...range(1, 2), toSeqNumber: 'LATEST' },
      'a count of 0': range(1, 2, 0),
    };
    for (const [name, bad] of Object.entries(badRanges)) {
      it(name, () => {
        expect(() => kinesisRange(bad as SequenceNumberRange, { client }))
          .to.throw(/range 0/)
          .that.satisfies(isInvalidValue);
      });
    }
    const badConfigs: Record<string, [object, RegExp]> = {
      'a misspelt option': [{ retryTimeout: 5 }, /unknown option retryTimeout/],
      'a time-out of 0': [{ retryTimeoutMs: 0 }, /retryTimeoutMs.*got 0/],
      'a negative time-out': [{ retryTimeoutMs: -1 }, /retryTimeoutMs.*got -1/],
      'a page above the limit of the service': [
        { maxRecordsPerPage: 10_001 },
        /maxRecordsPerPage: expected a whole number from 1 to 10000/,
      ],
      'a concurrency of 0': [{ concurrency: 0 }, /concurrency.*got 0/],
      'no client': [{ client: undefined }, /client: expected a KinesisClient/],
      'the ARN of another stream': [
        { streamARN: 'arn:aws:kinesis:eu-west-1:123456789012:stream/flights' },
        /expected ranges of flights only, got one of stream/,
      ],
    };
    for (const [name, [config, message]] of Object.entries(badConfigs)) {
      it(name, () => {
        expect(() => kinesisRange(range(1, 2), { client, ...config }))
          .to.throw(message)
          .that.satisfies(isInvalidConfig);
      });
    }
  });
});

describe('kinesisRanges', () => {
  it(
    'completes at once without ranges',
    marbles(({ expectObservable, flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'a' } });
      expectObservable(ranges(kinesis, [])).toBe('|');
      flush();
      expect(kinesis.calls).to.deep.equal([]);
    }),
  );

  it(
    'takes the ranges of a block as they are, with the ARN of their stream',
    marbles(({ expectObservable }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'abc^' } });
      const streamARN = 'arn:aws:kinesis:eu-west-1:123456789012:stream/stream';
      const records$ = kinesisRanges(new SequenceNumberRanges([range(1, 2)]), { client: kinesis, streamARN }).pipe(map(textOf));
      expectObservable(records$).toBe('--(ab|)');
    }),
  );

  it(
    'keeps the order of each shard, reads shards in parallel up to concurrency, and stops at no shard’s end',
    marbles(({ flush }) => {
      const shards = Object.fromEntries([0, 1, 2, 3].map((shard) => [shard, `${manyLetters(4, shard * 4)}^`]));
      const kinesis = fakeKinesis({ shards, maxRecordsPerPage: 2, latencyMs: 10 });
      const list = [0, 1, 2, 3].map((shard) => {
        const [first, , , last] = kinesis.records(shard);
        return range(first!.sequenceNumber, last!.sequenceNumber, 4, shard);
      });
      const records: string[] = [];
      kinesisRanges(list, { client: kinesis, budget: unbounded(), concurrency: 2 }).subscribe((record) =>
        records.push(`${numberOf(record)}${textOf(record)}`),
      );
      flush();

      expect(records).to.have.length(16);
      for (const shard of [0, 1, 2, 3])
        expect(
          records
            .filter((text) => text.startsWith(String(shard)))
            .map((text) => text.slice(1))
            .join(''),
        ).to.equal(manyLetters(4, shard * 4));
      const begun = kinesis.callsOf('getShardIterator').map(({ atMs }) => atMs);
      expect(begun.slice(0, 2)).to.deep.equal([0, 0]);
      expect(Math.min(...begun.slice(2))).to.be.at.least(30);
    }),
  );

  it(
    'reads ranges near each other in one pass, in the order of the shard',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'abcdefghij^' } });
      const timeline = timelineOf(ranges(kinesis, [range(6, 7), range(1, 2), range(4, 4)]));
      flush();
      expect(letters(timeline)).to.equal('abdfgcomplete');
      expect(kinesis.callsOf('getShardIterator')).to.have.length(1);
    }),
  );

  it(
    'jumps with a new iterator over a page that has nothing of them',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: `${manyLetters(2_000)}^` }, maxRecordsPerPage: 100 });
      const timeline = timelineOf(ranges(kinesis, [range(1, 1), range(1_900, 1_901)]));
      flush();
      expect(timeline).to.have.length(4);
      expect(kinesis.callsOf('getShardIterator').map(({ startingSequenceNumber }) => startingSequenceNumber)).to.deep.equal(['1', '1900']);
      expect(kinesis.callsOf('getRecords').length).to.be.at.most(3);
    }),
  );

  it(
    'emits a record of two ranges once, and counts it for both',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'abcdef^' } });
      const timeline = timelineOf(ranges(kinesis, [range(1, 4), range(3, 5), range(3, 5)]));
      flush();
      expect(letters(timeline)).to.equal('abcdecomplete');
    }),
  );

  it(
    'names only what is missing',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'abcdefgh^' } });
      const { error, texts } = failureOf(ranges(kinesis, [range(1, 2), range(4, 5, 3), range(7, 8)]), flush);
      if (!isRangeIncomplete(error)) throw new Error('expected a RangeIncompleteError');
      expect(error.missing).to.deep.equal([range(4, 5, 3)]);
      expect(texts).not.to.match(/[gh]/);
    }),
  );

  it(
    'goes on with the other ranges under onGap continue, with an event for each that is gone',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'abcdefgh^' }, trims: [{ shard: 0, through: 'd' }] });
      const events: string[] = [];
      const config = { onGap: 'continue' as const, events: { next: ({ type }: KinesisEvent) => void events.push(type) } };
      const timeline = timelineOf(ranges(kinesis, [range(1, 2), range(4, 5), range(7, 8)], config));
      flush();
      expect(letters(timeline)).to.equal('eghcomplete');
      expect(events.filter((type) => type === 'gap')).to.have.length(2);
    }),
  );

  it(
    'shares one budget with a live reader: never two reads of a shard within 200 ms',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: `${manyLetters(40)}^`, 1: `${manyLetters(40, 40)}^` }, maxRecordsPerPage: 3 });
      const budget = readBudget();
      const live = (shard: number) =>
        kinesisShard({
          client: kinesis,
          streamName: 'stream',
          shardId: toShardId(shard),
          startFrom: 'TRIM_HORIZON',
          budget,
          reader: polling({ idleDelayMs: 0 }),
        });
      const rangeOf = (shard: number): SequenceNumberRange => {
        const records = kinesis.records(shard);
        return range(records[5]!.sequenceNumber, records[24]!.sequenceNumber, 20, shard);
      };
      timelineOf(of(0, 1).pipe(mergeMap(live)), 6_000);
      const timeline = timelineOf(timer(300).pipe(mergeMap(() => ranges(kinesis, [rangeOf(0), rangeOf(1)], { budget }))));
      flush();

      expect(timeline).to.have.length(41);
      for (const shard of [0, 1]) {
        const times = kinesis.callsOf('getRecords', shard).map(({ atMs }) => atMs);
        const spacings = times.slice(1).map((ms, i) => ms - times[i]!);
        expect(Math.min(...spacings)).to.be.at.least(200);
        expect(times.length).to.be.above(20);
      }
    }),
  );

  it(
    'never reads on for a consumer that is gone',
    marbles(({ expectObservable, flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'abc^', 1: 'def^' }, latencyMs: 5 });
      expectObservable(concat(ranges(kinesis, [range(1, 3), range(4, 6, 3, 1)]), NEVER), '^---!').toBe('-');
      flush();
      expect(kinesis.calls.every(({ aborted }) => aborted)).to.be.true;
    }),
  );
});

import { expect } from 'chai';
import { retry, toArray } from 'rxjs';
import { isRangeExpired, isRangeIncomplete, isRecoveryTimeout, isShardReadError } from '../../lib/kinesis/errors.js';
import { readBudget } from '../../lib/kinesis/read-budget.js';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import { kinesisRange } from '../../lib/sources/kinesisRange.js';
import { fakeKinesis } from '../../lib/testing/kinesis/fakeKinesis.js';
import type { TrimmedReads } from '../../lib/testing/kinesis/fake-script.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import { toShardId } from '../../lib/testing/shard-name.js';
import { isInvalidConfig, isInvalidValue } from '../../lib/values/errors.js';
import type { SequenceNumberRange } from '../../lib/values/sequence-range.js';
import { manyLetters } from '../support/fast-reading.js';
import { failureOf, letters, range, single } from '../support/range-reading.js';
import { spiedScheduler } from '../support/spied-scheduler.js';
import { timelineOf } from '../support/timeline.js';

describe('kinesisRange', () => {
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

  describe('with a range of which Kinesis no longer holds everything', () => {
    const ways: TrimmedReads[] = ['horizon', 'empty-pages', 'InvalidArgumentException', 'ResourceNotFoundException'];
    for (const reads of ways) {
      it(
        `errors with a RangeExpiredError that names it, never foreign records (regression: expired data was read silently short, ${reads})`,
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
        `emits what is there under onGap 'continue', with a gap event (${reads})`,
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
        `errors when all of it is gone (${reads})`,
        marbles(({ flush }) => {
          const kinesis = fakeKinesis({ shards: { 0: 'abcdefg^' }, trims: [{ shard: 0, through: 'f', reads }] });
          const { error, texts } = failureOf(single(kinesis, range(2, 5)), flush);
          expect(error).to.satisfy(isRangeExpired);
          expect(texts).to.equal('');
        }),
      );
    }

    it(
      'lets a function decide',
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

  describe('with a range whose description does not fit', () => {
    for (const [name, bad, found] of [
      ['too few records', range(2, 5, 5), 4],
      ['too many records', range(2, 5, 3), 4],
    ] as const) {
      it(
        `errors with a RangeIncompleteError: ${name}`,
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
      'errors with a RangeIncompleteError when its last record does not exist: what follows is not emitted',
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
      'errors with a RangeIncompleteError when the shard ends before it does',
      marbles(({ flush }) => {
        const { error } = failureOf(single(fakeKinesis({ shards: { 0: 'abc|^' } }), range(2, 5)), flush);
        expect(error).to.satisfy(isRangeIncomplete);
      }),
    );

    it(
      'errors also under onGap continue',
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
        `errors with a retriable RecoveryTimeoutError after retryTimeoutMs: ${name}`,
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
      const { spied, delaysMs } = spiedScheduler(scheduler);
      const kinesis = fakeKinesis({
        shards: { 0: 'abc^' },
        maxRecordsPerPage: 2,
        faults: [{ method: 'getRecords', error: 'InternalFailureException' }],
      });
      timelineOf(single(kinesis, range(1, 3), { scheduler: spied, budget: readBudget(), retryTimeoutMs: 4_321 }));
      flush();
      // The time-out, the back-off, what is left of the 200 ms between reads.
      expect(delaysMs).to.include.members([4_321, 50]);
      expect(delaysMs.some((ms) => ms > 50 && ms <= 200)).to.be.true;
    }),
  );

  describe('with what cannot work', () => {
    const client = fakeKinesis({ shards: {} });
    const badRanges: Record<string, unknown> = {
      'no range': undefined,
      'a range without a shard': { ...range(1, 2), shardId: '' },
      'a range that ends before it begins': range(2, 1, 1),
      'a range up to a sentinel': { ...range(1, 2), toSeqNumber: 'LATEST' },
      'a count of 0': range(1, 2, 0),
    };
    for (const [name, bad] of Object.entries(badRanges)) {
      it(`refuses when called: ${name}`, () => {
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
      it(`refuses when called: ${name}`, () => {
        expect(() => kinesisRange(range(1, 2), { client, ...config }))
          .to.throw(message)
          .that.satisfies(isInvalidConfig);
      });
    }
  });
});

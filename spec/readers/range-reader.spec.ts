import { expect } from 'chai';
import { asyncScheduler, catchError, concatMap, map, of, reduce, timer, type Observable } from 'rxjs';
import {
  isRangeExpired,
  isRangeIncomplete,
  isRecoveryTimeout,
  isShardReadError,
  type Gap,
  type RangeExpiredError,
} from '../../lib/kinesis/errors.js';
import { readRanges, type RangeReading } from '../../lib/readers/range-reader.js';
import type { ReadContext } from '../../lib/readers/reader.js';
import { retryPolicy } from '../../lib/kinesis/retry.js';
import { fakeKinesis, marbles, type FakeKinesis, type FakeScript, type TrimmedReads } from '../../lib/testing/index.js';
import type { RxKinesisError } from '../../lib/values/errors.js';
import type { SequenceNumberRange } from '../../lib/values/sequence-range.js';
import { readContext } from '../support/read-context.js';
import { rangeOf } from '../support/ranges.js';

const FAILING: FakeScript['faults'] = [{ method: 'getRecords', error: 'InternalFailure', untilMs: 1e6 }];
const READING: RangeReading = { retryTimeoutMs: 10_000, concurrency: 4, maxRecordsPerPage: 10_000 };

/** A stream that calls take no time of, with one closed shard unless the script says otherwise. */
function stream(script: Partial<FakeScript> = {}): FakeKinesis {
  return fakeKinesis({ latencyMs: 0, shards: { 0: '(abcdefghij|)' }, ...script });
}

/** The pages of ranges in short. */
function pagesOf(
  kinesis: FakeKinesis,
  ranges: readonly SequenceNumberRange[],
  reading: Partial<RangeReading> = {},
  fields: Partial<ReadContext> = {},
): Observable<string> {
  return readRanges(ranges, (shardId) => ({ ...readContext(kinesis, fields), shardId }), { ...READING, ...reading }).pipe(
    map(({ records }) => records.map(({ data }) => new TextDecoder().decode(data)).join('')),
  );
}

/** All that ranges hold, and the error they end with, if they do: as text. */
function outcomeOf(...args: Parameters<typeof pagesOf>): Observable<readonly [text: string, error: RxKinesisError | undefined]> {
  let text = '';
  return pagesOf(...args).pipe(
    reduce((_, page) => void (text += page), undefined as void),
    map(() => [text, undefined] as const),
    catchError((error: unknown) => of([text, error as RxKinesisError] as const)),
  );
}

/** What reading came to, when, and the stream that was read. */
interface Result {
  readonly text: string;
  readonly error: RxKinesisError | undefined;
  readonly atMs: number;
  readonly kinesis: FakeKinesis;
}

/** Begins to read a stream at 10 ms and runs to the end. */
function settled(
  script: Partial<FakeScript>,
  ranges: readonly SequenceNumberRange[],
  reading?: Partial<RangeReading>,
  fields?: Partial<ReadContext>,
): Result {
  const results: Result[] = [];
  marbles(({ scheduler, flush }) => {
    const kinesis = stream(script);
    timer(10)
      .pipe(concatMap(() => outcomeOf(kinesis, ranges, reading, fields)))
      .subscribe(([text, error]) => results.push({ text, error, atMs: scheduler.now(), kinesis }));
    flush();
  })();
  expect(results).to.have.length(1);
  return results[0]!;
}

function iterators(kinesis: FakeKinesis): (string | undefined)[] {
  return kinesis.callsOf('getShardIterator').map(({ startingSequenceNumber, type }) => startingSequenceNumber ?? type);
}

describe('readRanges', () => {
  it(
    'reads exactly a range, then completes',
    marbles(({ expectObservable, flush }) => {
      const kinesis = stream();
      expectObservable(pagesOf(kinesis, [rangeOf(3, 5, 3)])).toBe('(a|)', { a: 'cde' });
      flush();
      expect([iterators(kinesis), kinesis.callsOf('getRecords').length]).to.deep.equal([['3'], 1]);
      expect(kinesis.callsOf('listShards')).to.deep.equal([]);
    }),
  );

  it(
    'says which shard a page is of, and how it was asked for',
    marbles(({ expectObservable, flush }) => {
      const kinesis = stream();
      const pages = readRanges([rangeOf(3, 5, 3)], () => readContext(kinesis), { ...READING, maxRecordsPerPage: 2 });
      const place = { streamName: 'stream', shardId: 'shardId-000000000000' };
      const inShort = pages.pipe(map(({ records, ...rest }) => ({ ...rest, count: records.length })));
      expectObservable(inShort).toBe('(ab|)', { a: { ...place, count: 2 }, b: { ...place, count: 1 } });
      flush();
      expect(kinesis.callsOf('getRecords').map(({ limit }) => limit)).to.deep.equal([2, 1]);
    }),
  );

  it(
    'reads ranges near each other in one pass',
    marbles(({ expectObservable, flush }) => {
      const kinesis = stream();
      expectObservable(pagesOf(kinesis, [rangeOf(5, 6, 2), rangeOf(1, 2, 2)])).toBe('(ab|)', { a: 'ab', b: 'ef' });
      flush();
      expect(iterators(kinesis)).to.deep.equal(['1']);
    }),
  );

  it(
    'jumps to one that is far',
    marbles(({ expectObservable, flush }) => {
      const kinesis = stream();
      expectObservable(pagesOf(kinesis, [rangeOf(1, 1, 1), rangeOf(9, 10, 2)], { maxRecordsPerPage: 2 })).toBe('(ab|)', {
        a: 'a',
        b: 'ij',
      });
      flush();
      expect(iterators(kinesis)).to.deep.equal(['1', '9']);
    }),
  );

  it(
    'jumps over a time without records, too',
    marbles(({ expectObservable, flush }) => {
      const kinesis = stream({ latencyMs: 1, faults: [{ answer: 'empty', method: 'getRecords', fromMs: 2 }] });
      expectObservable(pagesOf(kinesis, [rangeOf(1, 1, 1), rangeOf(9, 10, 2)], { maxRecordsPerPage: 1 })).toBe('--a--b-(c|)', {
        a: 'a',
        b: 'i',
        c: 'j',
      });
      flush();
      expect(iterators(kinesis)).to.deep.equal(['1', '9']);
    }),
  );

  it('asks once for a place, whatever empty pages come from it', () => {
    const faults: FakeScript['faults'] = [{ answer: 'empty', fromMs: 10, times: 9 }];
    const { text, kinesis } = settled({ faults }, [rangeOf(2, 3, 2), rangeOf(9, 10, 2)], { maxRecordsPerPage: 2 });
    expect([text, iterators(kinesis)]).to.deep.equal(['bcij', ['2', '9']]);
  });

  it('emits a record that is in many ranges once', () => {
    const ranges = [rangeOf(2, 6, 5), rangeOf(4, 8, 5), rangeOf(4, 8, 5), rangeOf(5, 5, 1)];
    expect(settled({}, ranges)).to.include({ text: 'bcdefgh', error: undefined });
  });

  it('reads part of an aggregate', () => {
    const values = Object.fromEntries([...'abcd'].map((letter, i) => [letter, { sequenceNumber: 7, subSequenceNumber: i }]));
    expect(settled({ shards: { 0: '(abcde)' }, values }, [rangeOf('7.1', '7.2', 2)])).to.include({ text: 'bc', error: undefined });
  });

  describe('with shards', () => {
    const shards = { 0: '(ab|)', 1: '(cd|)', 2: '(ef|)' };
    const ranges = ['0', '1', '2'].map((n, i) => rangeOf(2 * i + 1, 2 * i + 2, 2, { shardId: `shardId-00000000000${n}` }));

    it(
      'reads so many at once',
      marbles(({ expectObservable, flush }) => {
        const kinesis = fakeKinesis({ latencyMs: 5, shards });
        expectObservable(pagesOf(kinesis, ranges, { concurrency: 2 })).toBe('15ms (ab) 11ms (c|)', { a: 'ab', b: 'cd', c: 'ef' });
        flush();
        expect(kinesis.callsOf('getShardIterator').map(({ atMs }) => atMs)).to.deep.equal([0, 0, 15]);
      }),
    );

    it(
      'aborts all requests when unsubscribed',
      marbles(({ scheduler, expectObservable, flush }) => {
        const kinesis = fakeKinesis({ latencyMs: 5, shards });
        expectObservable(pagesOf(kinesis, ranges), '--!').toBe('');
        flush();
        expect(kinesis.calls.map(({ aborted, endedAtMs }) => [aborted, endedAtMs])).to.deep.equal([
          [true, 2],
          [true, 2],
          [true, 2],
        ]);
        expect(scheduler.now()).to.equal(2);
      }),
    );
  });

  describe('of records that are gone', () => {
    const trimmed = (reads: TrimmedReads): Partial<FakeScript> => ({ trims: [{ shard: 0, atMs: 5, through: 4, reads }] });
    const ranges = [rangeOf(1, 2, 2), rangeOf(3, 6, 4), rangeOf(8, 9, 2)];

    for (const reads of ['horizon', 'InvalidArgumentException', 'empty-pages', 'ResourceNotFoundException'] as const) {
      it(`says so, and emits nothing of others: ${reads}`, () => {
        const { text, error, atMs } = settled(trimmed(reads), ranges);
        expect([text, isRangeExpired(error)]).to.deep.equal(['', true]);
        expect(error).to.have.deep.property('missing', [ranges[0]]);
        expect(error).to.have.nested.property('gap.from.sequenceNumber', '1');
        expect((error as RangeExpiredError).gap.firstAvailable?.sequenceNumber).to.equal(
          reads === 'ResourceNotFoundException' ? undefined : '5',
        );
        // Fifteen pages that come no nearer, before the iterator is given up.
        expect(atMs).to.equal(reads === 'empty-pages' ? 3_010 : 10);
      });

      it(`goes on with what is left, if it may, telling of each range once: ${reads}`, () => {
        const gaps: Gap[] = [];
        const events: unknown[] = [];
        const notify: ReadContext['notify'] = (event) => void events.push(event.type);
        const { text, error } = settled(trimmed(reads), ranges, {}, { notify, onGap: (gap) => (gaps.push(gap), 'continue') });
        const isGone = reads === 'ResourceNotFoundException';

        expect([text, error]).to.deep.equal([isGone ? '' : 'efhi', undefined]);
        expect(gaps.map(({ from }) => from.sequenceNumber)).to.deep.equal(isGone ? ['1', '3', '8'] : ['1', '3']);
        expect(events).to.deep.equal(gaps.map(() => 'gap'));
      });
    }

    it('says so at the end of the shard', () => {
      const { error } = settled({}, [rangeOf(9, 10, 2), rangeOf(12, 13, 2)]);
      expect(isRangeExpired(error)).to.equal(true);
      expect(error).to.have.deep.property('missing', [rangeOf(12, 13, 2)]);
    });

    it('says so when the newest record is before them', () => {
      const { error, atMs } = settled({ shards: { 0: '(ab)' } }, [rangeOf(5, 6, 2)]);
      expect([isRangeExpired(error), atMs]).to.deep.equal([true, 3_010]);
    });
  });

  it('says when a range is not as it is described', () => {
    for (const [range, found] of [
      [rangeOf(3, 5, 4), 3],
      [rangeOf(3, 5, 2), 3],
      [rangeOf(9, 11, 3), 2],
    ] as const) {
      const { error } = settled({}, [range], {}, { onGap: 'continue' });
      expect(isRangeIncomplete(error)).to.equal(true);
      expect(error).to.deep.include({ missing: [range], found });
    }
  });

  describe('that gets no further', () => {
    const faults: Readonly<Record<string, FakeScript['faults']>> = {
      'because calls hang': [{ answer: 'never', fromMs: 10, untilMs: 1e6 }],
      'because calls are slow': [{ latencyMs: 60_000, fromMs: 10, untilMs: 1e6 }],
    };
    for (const [what, list] of Object.entries(faults)) {
      it(`times out, which can be tried again, ${what}`, () => {
        const { error, atMs } = settled({ faults: list }, [rangeOf(3, 5, 3)], { retryTimeoutMs: 2_000 });
        expect([isRecoveryTimeout(error), error?.retriable, atMs]).to.deep.equal([true, true, 2_010]);
        expect(error).to.deep.include({ missing: [rangeOf(3, 5, 3)], timeoutMs: 2_000 });
      });
    }

    it('times out because calls fail, and says with what', () => {
      const retry = retryPolicy({ maxRetries: 1_000, maxDelayMs: 100 }, asyncScheduler, () => 0.5);
      const { error, atMs } = settled({ faults: FAILING }, [rangeOf(3, 5, 3)], { retryTimeoutMs: 2_000 }, { retry });
      expect([isRecoveryTimeout(error), atMs]).to.deep.equal([true, 2_010]);
      expect(error).to.have.nested.property('cause.name', 'InternalFailure');
    });

    it('does not time out while it waits for a budget that others use up', () => {
      const budget = { acquire: () => timer(30_000), spend: () => undefined, forget: () => undefined };
      const { text, error } = settled({}, [rangeOf(3, 5, 3)], { maxRecordsPerPage: 1 }, { budget });
      expect([text, error]).to.deep.equal(['cde', undefined]);
    });

    it('has as long for each page', () => {
      expect(settled({ latencyMs: 1_500 }, [rangeOf(1, 9, 9)], { maxRecordsPerPage: 1, retryTimeoutMs: 3_100 })).to.include({
        text: 'abcdefghi',
        error: undefined,
      });
    });

    it('fails when its retries are used up', () => {
      const { error } = settled({ faults: FAILING }, [rangeOf(3, 5, 3)]);
      expect([isShardReadError(error), error?.retriable]).to.deep.equal([true, true]);
      expect(error).to.include({ streamName: 'stream', shardId: 'shardId-000000000000' });
    });

    it('fails at once with what is fatal', () => {
      const { error, atMs } = settled({ streamName: 'other' }, [rangeOf(3, 5, 3)]);
      expect([isShardReadError(error), isRangeExpired(error), error?.retriable, atMs]).to.deep.equal([true, false, false, 10]);
    });
  });

  it('goes on over an iterator that expires', () => {
    const budget = { acquire: () => timer(20), spend: () => undefined, forget: () => undefined };
    const { text, error, kinesis } = settled({ expireIteratorsAtMs: [40] }, [rangeOf(2, 7, 6)], { maxRecordsPerPage: 2 }, { budget });
    expect([text, error]).to.deep.equal(['bcdefg', undefined]);
    expect(iterators(kinesis)).to.deep.equal(['2', '3']);
  });
});

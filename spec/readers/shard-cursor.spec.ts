import { expect } from 'chai';
import { catchError, concat, concatMap, defer, map, of, tap, throwError, timer, toArray, type Observable } from 'rxjs';
import { isForeignCheckpoint } from '../../lib/checkpoints/errors.js';
import type { GetRecordsPage, KinesisPort } from '../../lib/kinesis/port.js';
import { readBudget, type ReadBudget } from '../../lib/kinesis/read-budget.js';
import { classify } from '../../lib/kinesis/classify.js';
import { isRangeExpired, isShardReadError, type Gap } from '../../lib/kinesis/errors.js';
import type { GapPolicy, ReadContext, ReadStart } from '../../lib/readers/reader.js';
import { ShardCursor } from '../../lib/readers/shard-cursor.js';
import { shardReadError } from '../../lib/kinesis/shardReadError.js';
import { fakeKinesis, marbles, type FakeKinesis, type FakeScript, type TrimmedReads } from '../../lib/testing/index.js';
import type { ReadRetryEvent, UntimedEvent } from '../../lib/monitoring/events.js';
import { pagesFrom, pageText, readContext } from '../support/read-context.js';

const STREAM = { StreamName: 'stream' };
const HORIZON: ReadStart = { type: 'TRIM_HORIZON' };

function at(sequenceNumber: number, subSequenceNumber = 0) {
  return { sequenceNumber: String(sequenceNumber), subSequenceNumber };
}

function after(sequenceNumber: number, subSequenceNumber = 0): ReadStart {
  return { type: 'AFTER', position: at(sequenceNumber, subSequenceNumber) };
}

/** What a cursor reads to the end of the shard, the pages without records left out; of an error its name. */
function textFrom(start: ReadStart, kinesis: FakeKinesis, context: ReadContext = readContext(kinesis), limit?: number): Observable<string> {
  return pagesFrom(new ShardCursor(context, start), limit).pipe(
    map(pageText),
    catchError((error: unknown) => of(`#${(error as Error).name}`)),
    toArray(),
    map((pages) => pages.filter(Boolean).join(' ')),
  );
}

/** The iterators that were asked for, in short. */
function iterators(kinesis: FakeKinesis): string[] {
  return kinesis.callsOf('getShardIterator').map(({ type, startingSequenceNumber: number }) => [type, number].filter(Boolean).join(' '));
}

/** The retries that were told of, and nothing else was. */
function retriesIn(events: readonly UntimedEvent[]): Omit<ReadRetryEvent, 'at'>[] {
  const retries = events.filter((event) => event.type === 'readRetry');
  expect(retries).to.have.length(events.length);
  return retries;
}

/** A closed shard with five records, and calls that take no time. */
function closed(script: Partial<FakeScript> = {}): FakeKinesis {
  return fakeKinesis({ latencyMs: 0, shards: { 0: 'abcde|' }, ...script });
}

describe('ShardCursor', () => {
  it(
    "retries what a user's own budget throws",
    marbles(({ expectObservable, flush }) => {
      const inner = readBudget({ readsPerSecond: Infinity });
      let turns = 0;
      const acquire: ReadBudget['acquire'] = (shard, scheduler) => {
        if (++turns === 2) throw Object.assign(new Error('busy'), { name: 'InternalFailure', $fault: 'server' });
        return inner.acquire(shard, scheduler);
      };
      const kinesis = closed({ shards: { 0: '(abcde|)^' } });
      const context = readContext(kinesis, { budget: { ...inner, acquire } });
      expectObservable(textFrom(HORIZON, kinesis, context, 2)).toBe('2ms (x|)', { x: 'ab cd e|' });
      flush();
      expect(retriesIn(context.events)).to.have.length(1);
    }),
  );

  it(
    'keeps its iterator when the list of shards answers that an iterator has expired, and gives up after its retries',
    marbles(({ expectObservable, flush }) => {
      const kinesis = closed({ shards: { 0: '(abcde|)^' } });
      const listShards: KinesisPort['listShards'] = () =>
        throwError(() => Object.assign(new Error('expired'), { name: 'ExpiredIteratorException' }));
      const context = readContext(kinesis, { port: { ...kinesis, listShards } });
      expectObservable(textFrom(HORIZON, kinesis, context)).toBe('(x|)', { x: '#ExpiredIteratorException' });
      flush();
      expect(retriesIn(context.events)).to.have.length(3);
      expect(iterators(kinesis)).to.have.length(1);
    }),
  );

  it(
    'says where it stands, and continues elsewhere with an iterator that was open there',
    marbles(({ expectObservable, flush }) => {
      const kinesis = fakeKinesis({ latencyMs: 0, shards: { 0: '(abcde|)^' } });
      const cursor = new ShardCursor(readContext(kinesis), HORIZON);
      const other = new ShardCursor(readContext(kinesis), HORIZON);
      const text$ = cursor.read(2).pipe(
        tap(() => other.seek(cursor.place.start, cursor.place.iterator)),
        concatMap((page) => other.read(2).pipe(map((next) => `${pageText(page)} ${pageText(next)}`))),
      );
      expectObservable(text$).toBe('(t|)', { t: 'ab cd' });
      flush();
      expect(cursor.place.start).to.deep.equal({ ...after(2), isProven: true });
      expect(iterators(kinesis)).to.deep.equal(['TRIM_HORIZON']);
    }),
  );

  it(
    'opens an iterator of its own where the one that it was given has expired',
    marbles(({ expectObservable, flush }) => {
      const kinesis = fakeKinesis({ latencyMs: 0, shards: { 0: '(abcde|)^' }, expireIteratorsAtMs: [5] });
      const cursor = new ShardCursor(readContext(kinesis), HORIZON);
      const text$ = cursor.read(2).pipe(
        concatMap(() => timer(10)),
        tap(() => cursor.seek(cursor.place.start, cursor.place.iterator)),
        concatMap(() => cursor.read(2)),
        map(pageText),
      );
      expectObservable(text$).toBe('10ms (t|)', { t: 'c' });
      flush();
      expect(iterators(kinesis)).to.deep.equal(['TRIM_HORIZON', 'AT_SEQUENCE_NUMBER 2']);
    }),
  );

  describe('begins', () => {
    const starts: Readonly<Record<string, readonly [start: ReadStart, iterator: string, text: string]>> = {
      'at the oldest record': [HORIZON, 'TRIM_HORIZON', 'abcde|'],
      'at a time': [{ type: 'AT_TIMESTAMP', timestamp: new Date(2) }, 'AT_TIMESTAMP', 'cde|'],
      'at a record': [{ type: 'AT', position: at(3) }, 'AT_SEQUENCE_NUMBER 3', 'cde|'],
      'after a record': [after(3), 'AT_SEQUENCE_NUMBER 3', 'de|'],
      'after the last record': [after(5), 'AT_SEQUENCE_NUMBER 5', '|'],
    };
    for (const [what, [start, iterator, text]] of Object.entries(starts)) {
      it(
        what,
        marbles(({ expectObservable, flush }) => {
          const kinesis = closed();
          expectObservable(timer(10).pipe(concatMap(() => textFrom(start, kinesis)))).toBe('10ms (t|)', { t: text });
          flush();
          expect(iterators(kinesis)).to.deep.equal([iterator]);
          expect(kinesis.callsOf('getShardIterator')[0]?.timestamp).to.deep.equal('timestamp' in start ? start.timestamp : undefined);
        }),
      );
    }

    it(
      'anew where it is told to',
      marbles(({ expectObservable, flush }) => {
        const kinesis = fakeKinesis({ latencyMs: 0, shards: { 0: '(abcde)' } });
        const cursor = new ShardCursor(readContext(kinesis), HORIZON);
        const two = cursor.read(2).pipe(
          concatMap((first) => {
            cursor.seek({ type: 'AT', position: at(4) });
            return cursor.read(2).pipe(map((second) => pageText(first) + pageText(second)));
          }),
        );
        expectObservable(two).toBe('(t|)', { t: 'abde' });
        flush();
        expect(iterators(kinesis)).to.deep.equal(['TRIM_HORIZON', 'AT_SEQUENCE_NUMBER 4']);
      }),
    );

    it(
      'once the time has come for Kinesis, whose clock may be behind',
      marbles(({ expectObservable }) => {
        const kinesis = fakeKinesis({ latencyMs: 1, shards: { 0: '^ 9ms ab|' } });
        const context = readContext(kinesis, { retry: { ...readContext(kinesis).retry, maxRetries: 20 } });
        expectObservable(textFrom({ type: 'AT_TIMESTAMP', timestamp: new Date(5) }, kinesis, context)).toBe('14ms (t|)', { t: 'a b|' });
      }),
    );

    it(
      'not at a time that never comes',
      marbles(({ expectObservable, flush }) => {
        const kinesis = closed();
        const error = new ShardCursor(readContext(kinesis), { type: 'AT_TIMESTAMP', timestamp: new Date(9_000) })
          .read(1)
          .pipe(catchError((fault: unknown) => of([isShardReadError(fault), classify(fault), (fault as Error).message])));
        expectObservable(error).toBe('(e|)', {
          e: [true, 'transient', 'stream/shardId-000000000000: the time 1970-01-01T00:00:09.000Z is not in the past for Kinesis'],
        });
        flush();
        expect(kinesis.calls).to.have.length(4);
      }),
    );
  });

  describe('reads', () => {
    it(
      'page after page, as large as it is told',
      marbles(({ expectObservable, flush }) => {
        const kinesis = fakeKinesis({ latencyMs: 0, shards: { 0: '(abcde|)' } });
        expectObservable(textFrom(HORIZON, kinesis, readContext(kinesis), 2)).toBe('2ms (t|)', { t: 'ab cd e|' });
        flush();
        expect(kinesis.callsOf('getRecords').map(({ limit }) => limit)).to.deep.equal([2, 2, 2]);
        expect(iterators(kinesis)).to.have.length(1);
      }),
    );

    it(
      'what a page says of itself',
      marbles(({ expectObservable }) => {
        const kinesis = fakeKinesis({ latencyMs: 0, shards: { 0: '(ab)' }, values: { a: { data: 'aaa' }, b: { data: 'bb' } } });
        const cursor = new ShardCursor(readContext(kinesis), HORIZON);
        const page = cursor.read(1).pipe(map(({ records, ...rest }) => [records.length, rest]));
        expectObservable(page).toBe('(p|)', { p: [1, { bytes: 3, millisBehindLatest: 1, ended: false, childShards: [] }] });
      }),
    );

    it(
      'over empty pages',
      marbles(({ expectObservable }) => {
        const kinesis = fakeKinesis({
          latencyMs: 0,
          shards: { 0: '(abc|)' },
          faults: [{ answer: 'empty', fromMs: 1, untilMs: 30 }],
        });
        expectObservable(textFrom(HORIZON, kinesis, readContext(kinesis), 1)).toBe('31ms (t|)', { t: 'a b c|' });
      }),
    );

    it(
      'the children of a shard on its last page',
      marbles(({ expectObservable, flush }) => {
        const kinesis = fakeKinesis({ latencyMs: 0, shards: { 0: '(a|)', 1: { parents: [0] }, 2: { parents: [0] } } });
        const children = new ShardCursor(readContext(kinesis), HORIZON)
          .read(9)
          .pipe(map((page) => [pageText(page), page.childShards.map(({ ShardId }) => ShardId.at(-1))]));
        expectObservable(children).toBe('(c|)', { c: ['a|', ['1', '2']] });
        flush();
        expect(kinesis.callsOf('listShards')).to.have.length(1);
      }),
    );

    it(
      'within the budget, to which it reports what came',
      marbles(({ expectObservable, flush }) => {
        const spent: unknown[] = [];
        const kinesis = closed();
        const budget: ReadContext['budget'] = {
          acquire: (shard) => of(1, 2, 3).pipe(tap((count) => spent.push(['acquire', shard, count]))),
          spend: (shard, bytes) => void spent.push(['spend', shard, bytes]),
          forget: () => undefined,
        };
        expectObservable(new ShardCursor(readContext(kinesis, { budget }), HORIZON).read(9).pipe(map(pageText))).toBe('(t|)', { t: 'a' });
        flush();
        expect(spent).to.deep.equal([
          ['acquire', 'stream/shardId-000000000000', 1],
          ['spend', 'stream/shardId-000000000000', 1],
        ]);
      }),
    );

    it(
      'a stream by its ARN',
      marbles(({ expectObservable, flush }) => {
        const kinesis = closed();
        const requests: unknown[] = [];
        const StreamARN = 'arn:aws:kinesis:eu-west-1:123456789012:stream/stream';
        const port = {
          ...kinesis,
          getRecords: (request: Parameters<FakeKinesis['getRecords']>[0]) => (requests.push(request), kinesis.getRecords(request)),
        };
        const context = readContext(kinesis, { port, stream: { streamName: 'stream', id: { StreamARN } } });
        expectObservable(new ShardCursor(context, HORIZON).read(1).pipe(map(pageText))).toBe('(t|)', { t: 'a' });
        flush();
        expect(requests).to.have.length(1);
        expect(requests[0]).to.include({ StreamARN, Limit: 1 });
      }),
    );
  });

  describe('drops', () => {
    const values = {
      a: { sequenceNumber: 7, subSequenceNumber: 0 },
      b: { sequenceNumber: 7, subSequenceNumber: 1 },
      c: { sequenceNumber: 7, subSequenceNumber: 2 },
      d: { sequenceNumber: 10, subSequenceNumber: 0 },
      e: { sequenceNumber: 10, subSequenceNumber: 1 },
    };
    const aggregates = () => fakeKinesis({ latencyMs: 0, shards: { 0: '(abcde|)' }, values });

    for (const [start, text] of [
      [after(7, 0), 'bcde|'],
      [after(7, 1), 'cde|'],
      [after(7, 2), 'de|'],
      [after(10, 0), 'e|'],
      [after(10, 1), '|'],
      [{ type: 'AT', position: at(7, 1) } as ReadStart, 'abcde|'],
    ] as const) {
      it(
        `what is known of an aggregate: ${JSON.stringify(start)}`,
        marbles(({ expectObservable }) => {
          expectObservable(textFrom(start, aggregates())).toBe('(t|)', { t: text });
        }),
      );
    }

    it(
      'a page of known records, and goes on behind it',
      marbles(({ expectObservable, flush }) => {
        const kinesis = aggregates();
        expectObservable(textFrom(after(7, 2), kinesis, readContext(kinesis), 1)).toBe('-(t|)', { t: 'de|' });
        flush();
        expect(iterators(kinesis)).to.have.length(1);
      }),
    );

    it(
      'nothing twice and nothing at all when the iterator expires within an aggregate',
      marbles(({ expectObservable }) => {
        const kinesis = fakeKinesis({ latencyMs: 0, shards: { 0: '(abcde|)' }, values, expireIteratorsAtMs: [1] });
        expectObservable(textFrom(HORIZON, kinesis, readContext(kinesis), 1)).toBe('2ms (t|)', { t: 'abc de|' });
      }),
    );
  });

  describe('opens a new iterator when one has expired', () => {
    it(
      'at the last record that it gave',
      marbles(({ expectObservable, flush }) => {
        const kinesis = fakeKinesis({ latencyMs: 0, shards: { 0: '(abcde|)' }, expireIteratorsAtMs: [1, 2] });
        const context = readContext(kinesis);
        expectObservable(textFrom(HORIZON, kinesis, context, 2)).toBe('3ms (t|)', { t: 'ab c d e|' });
        flush();
        expect(iterators(kinesis)).to.deep.equal(['TRIM_HORIZON', 'AT_SEQUENCE_NUMBER 2', 'AT_SEQUENCE_NUMBER 3']);
        expect(retriesIn(context.events).map(({ reason, delayMs }) => [reason, delayMs])).to.deep.equal([
          ['iterator', 0],
          ['iterator', 0],
        ]);
      }),
    );

    it(
      'where it began while it has given none, whatever arrived meanwhile',
      marbles(({ expectObservable, flush }) => {
        const kinesis = fakeKinesis({ latencyMs: 0, shards: { 0: '^ 9ms a|' }, expireIteratorsAtMs: [9] });
        expectObservable(textFrom({ type: 'AT_TIMESTAMP', timestamp: new Date(0) }, kinesis)).toBe('11ms (t|)', { t: 'a |' });
        flush();
        expect(iterators(kinesis)).to.deep.equal(['AT_TIMESTAMP', 'AT_TIMESTAMP']);
      }),
    );

    it(
      'as old as it may become while nobody reads',
      marbles(({ expectObservable, flush }) => {
        const kinesis = fakeKinesis({ latencyMs: 0, shards: { 0: 'a 400s b|' } });
        const cursor = new ShardCursor(readContext(kinesis), HORIZON);
        const read$ = defer(() => cursor.read(9)).pipe(map(pageText));
        expectObservable(concat(read$, timer(500_000).pipe(concatMap(() => read$)))).toBe('a 499999ms (b|)', { a: 'a', b: 'b|' });
        flush();
        expect(iterators(kinesis)).to.deep.equal(['TRIM_HORIZON', 'AT_SEQUENCE_NUMBER 1']);
      }),
    );
  });

  describe('finds records trimmed away', () => {
    /** The records 1 to 3 are gone when reading begins after the second. */
    const trimmed = (reads: TrimmedReads, shards: FakeScript['shards'] = { 0: '(abcde|)' }, through = 3) =>
      fakeKinesis({ latencyMs: 0, shards, trims: [{ shard: 0, atMs: 5, through, reads }] });
    const read = (kinesis: FakeKinesis, context: ReadContext, start = after(2)) =>
      timer(10).pipe(concatMap(() => textFrom(start, kinesis, context)));
    const SHARD = { streamName: 'stream', shardId: 'shardId-000000000000' };

    const ways: Readonly<Record<TrimmedReads, readonly [gap: Gap, text: string, takesMs: number]>> = {
      horizon: [{ ...SHARD, from: at(2), firstAvailable: at(4) }, 'de|', 11],
      InvalidArgumentException: [{ ...SHARD, from: at(2), firstAvailable: at(4) }, 'de|', 10],
      'empty-pages': [{ ...SHARD, from: at(2), firstAvailable: at(4) }, 'de|', 26],
      ResourceNotFoundException: [{ ...SHARD, from: at(2) }, '|', 10],
    };
    for (const [reads, [gap, text, takesMs]] of Object.entries(ways) as [TrimmedReads, (typeof ways)[TrimmedReads]][]) {
      describe(`though Kinesis reads them as ${reads}`, () => {
        for (const [what, onGap] of [
          ['', 'fail'],
          [', as a function decides', () => 'fail'],
        ] as ReadonlyArray<readonly [string, GapPolicy]>) {
          it(
            `and fails${what}`,
            marbles(({ flush }) => {
              const kinesis = trimmed(reads);
              const errors: unknown[] = [];
              const cursor = new ShardCursor(readContext(kinesis, { onGap }), after(2));
              timer(10)
                .pipe(concatMap(() => pagesFrom(cursor)))
                .subscribe({ error: (error: unknown) => errors.push(error) });
              flush();
              expect(errors).to.have.length(1);
              expect(isRangeExpired(errors[0])).to.equal(true);
              expect(errors[0]).to.deep.include({ gap, missing: [] });
            }),
          );
        }

        it(
          'and goes on, telling of it once',
          marbles(({ expectObservable, flush }) => {
            const kinesis = trimmed(reads);
            const context = readContext(kinesis, { onGap: 'continue' });
            expectObservable(read(kinesis, context)).toBe(`${takesMs}ms (t|)`, { t: text });
            flush();
            expect(context.events).to.deep.equal([{ type: 'gap', ...gap }]);
          }),
        );

        it(
          'and goes on, as a function decides that is asked once',
          marbles(({ expectObservable, flush }) => {
            const kinesis = trimmed(reads);
            const gaps: Gap[] = [];
            const onGap: GapPolicy = (found) => (gaps.push(found), 'continue');
            expectObservable(read(kinesis, readContext(kinesis, { onGap }))).toBe(`${takesMs}ms (t|)`, { t: text });
            flush();
            expect(gaps).to.deep.equal([gap]);
          }),
        );
      });
    }

    it(
      'between two iterators',
      marbles(({ expectObservable }) => {
        const script = { shards: { 0: '(abcde|)' }, expireIteratorsAtMs: [1], trims: [{ shard: 0, atMs: 1, through: 3 }] };
        const kinesis = fakeKinesis({ latencyMs: 0, ...script });
        expectObservable(textFrom(HORIZON, kinesis, readContext(kinesis), 2)).toBe('2ms (t|)', { t: 'ab #RangeExpiredError' });
      }),
    );

    it(
      'and has a place again as soon as it has read on',
      marbles(({ expectObservable, flush }) => {
        const kinesis = fakeKinesis({
          latencyMs: 0,
          shards: { 0: '(abcde|)' },
          trims: [{ shard: 0, atMs: 5, through: 3, reads: 'InvalidArgumentException' }],
          expireIteratorsAtMs: [11],
        });
        const context = readContext(kinesis, { onGap: 'continue' });
        expectObservable(timer(10).pipe(concatMap(() => textFrom(after(2), kinesis, context, 1)))).toBe('12ms (t|)', { t: 'd e|' });
        flush();
        expect(iterators(kinesis)).to.deep.equal(['AT_SEQUENCE_NUMBER 2', 'TRIM_HORIZON', 'AT_SEQUENCE_NUMBER 4']);
      }),
    );

    it(
      'up to the end of the shard',
      marbles(({ expectObservable, flush }) => {
        const kinesis = trimmed('horizon', { 0: '(abcde|)' }, 5);
        const context = readContext(kinesis, { onGap: 'continue' });
        expectObservable(read(kinesis, context)).toBe('11ms (t|)', { t: '|' });
        flush();
        expect(context.events).to.deep.equal([{ type: 'gap', ...SHARD, from: at(2) }]);
      }),
    );

    for (const reads of ['horizon', 'InvalidArgumentException', 'empty-pages'] as const) {
      it(
        `but none of a shard that was idle for longer than they are kept: ${reads}`,
        marbles(({ expectObservable, flush }) => {
          const kinesis = trimmed(reads, { 0: '(abc) 200ms d|' });
          const context = readContext(kinesis);
          expectObservable(read(kinesis, context, after(3))).toBe('206ms (t|)', { t: 'd |' });
          flush();
          expect(context.events).to.deep.equal([]);
        }),
      );
    }

    for (const aheadMs of [20_000, -20_000, 3_600_000]) {
      it(
        `but none after the newest record was reached, by a clock that is ${aheadMs} ms ahead of the service's`,
        marbles(({ scheduler, expectObservable, flush }) => {
          const kinesis = trimmed('horizon', { 0: '(abc) 200ms d|' });
          const clock = { now: () => scheduler.now() + aheadMs, schedule: scheduler.schedule.bind(scheduler) };
          const context = readContext(kinesis, { scheduler: clock });
          expectObservable(read(kinesis, context, after(3))).toBe('206ms (t|)', { t: 'd |' });
          flush();
          expect(context.events).to.deep.equal([]);
        }),
      );
    }

    for (const start of [HORIZON, { type: 'AT_TIMESTAMP', timestamp: new Date(0) }] as const) {
      it(
        `but not from ${start.type}, which names no record`,
        marbles(({ expectObservable, flush }) => {
          const kinesis = trimmed('InvalidArgumentException');
          const context = readContext(kinesis);
          expectObservable(read(kinesis, context, start)).toBe('10ms (t|)', { t: 'de|' });
          flush();
          expect(context.events).to.deep.equal([]);
        }),
      );
    }

    it(
      'but not where the record is there, although a service does not know it as a place to begin',
      marbles(({ expectObservable, flush }) => {
        const kinesis = closed({ faults: [{ method: 'getShardIterator', error: 'ResourceNotFoundException' }] });
        const context = readContext(kinesis);
        expectObservable(read(kinesis, context)).toBe('11ms (t|)', { t: 'cde|' });
        flush();
        expect(context.events).to.deep.equal([]);
        expect(iterators(kinesis)).to.deep.equal(['AT_SEQUENCE_NUMBER 2', 'TRIM_HORIZON', 'AT_SEQUENCE_NUMBER 2']);
      }),
    );

    it(
      'and does not ask for ever for an iterator that is always refused',
      marbles(({ expectObservable, flush }) => {
        const kinesis = closed({ faults: [{ method: 'getShardIterator', error: 'InvalidArgumentException', untilMs: 99 }] });
        expectObservable(textFrom(after(2), kinesis)).toBe('(t|)', { t: '#InvalidArgumentException' });
        flush();
        expect(iterators(kinesis)).to.deep.equal(['AT_SEQUENCE_NUMBER 2', 'TRIM_HORIZON']);
      }),
    );
  });

  describe('sees the end of a shard', () => {
    for (const [what, script, text] of [
      ['with its last records', {}, 'abcde|'],
      ['on a page of its own', { lastPage: 'extra-page' }, 'abcde |'],
      ['without children', { childShards: false }, 'abcde|'],
      ['on a page of its own, without children', { lastPage: 'extra-page', childShards: false }, 'abcde |'],
    ] as ReadonlyArray<readonly [string, Partial<FakeScript>, string]>) {
      it(
        what,
        marbles(({ expectObservable }) => {
          const kinesis = fakeKinesis({ latencyMs: 0, shards: { 0: '(abcde|)' }, ...script });
          expectObservable(textFrom(HORIZON, kinesis)).toBe(`${text.includes(' ') ? 1 : 0}ms (t|)`, { t: text });
        }),
      );
    }

    it(
      'only where the list of shards says that it is closed, and goes on with a new iterator elsewhere',
      marbles(({ expectObservable, flush }) => {
        const kinesis = fakeKinesis({ latencyMs: 0, shards: { 0: '(abc) 20ms d|' } });
        let pages = 0;
        const withoutIterator: typeof kinesis.getRecords = (request) =>
          kinesis.getRecords(request).pipe(map((page) => (++pages <= 2 ? { ...page, NextShardIterator: undefined } : page)));
        const context = readContext(kinesis, { port: { ...kinesis, getRecords: withoutIterator } });
        expectObservable(textFrom(HORIZON, kinesis, context)).toBe('26ms (t|)', { t: 'abc d |' });
        flush();
        expect(iterators(kinesis)).to.deep.equal(['TRIM_HORIZON', 'AT_SEQUENCE_NUMBER 3', 'AT_SEQUENCE_NUMBER 3']);
        expect(context.events).to.deep.equal([]);
      }),
    );

    /** Its pages are all 7 ms behind. */
    const behind = (kinesis: FakeKinesis, change: (page: GetRecordsPage, index: number) => GetRecordsPage = (page) => page) => {
      let pages = 0;
      const getRecords: typeof kinesis.getRecords = (request) =>
        kinesis.getRecords(request).pipe(map((page) => change({ ...page, MillisBehindLatest: 7 }, pages++)));
      return readContext(kinesis, { port: { ...kinesis, getRecords } });
    };
    const closedLongAgo = { 0: '(abcde|)^', 1: { parents: [0] } } as const;

    it(
      'not where a page of a shard that was closed long ago is behind and names no children (regression: the rest was lost)',
      marbles(({ expectObservable, flush }) => {
        const kinesis = closed({ shards: closedLongAgo, maxRecordsPerPage: 2 });
        const context = behind(kinesis, (page, index) => (index === 0 ? { ...page, NextShardIterator: undefined } : page));
        expectObservable(textFrom(HORIZON, kinesis, context)).toBe('2ms (t|)', { t: 'ab c de|' });
        flush();
        expect(iterators(kinesis)).to.deep.equal(['TRIM_HORIZON', 'AT_SEQUENCE_NUMBER 2']);
        expect(context.events).to.deep.equal([]);
      }),
    );

    it(
      'not where such a page has lost its lag with its iterator',
      marbles(({ expectObservable, flush }) => {
        const kinesis = closed({ shards: closedLongAgo, maxRecordsPerPage: 2 });
        const context = behind(kinesis, (page, index) => (index === 0 ? { Records: page.Records } : page));
        expectObservable(textFrom(HORIZON, kinesis, context)).toBe('2ms (t|)', { t: 'ab c de|' });
        flush();
        expect(iterators(kinesis)).to.deep.equal(['TRIM_HORIZON', 'AT_SEQUENCE_NUMBER 2']);
      }),
    );

    for (const [what, script, ms, text, opened] of [
      ['at once on a page that is behind and names the children', {}, 0, 'abcde|', ['TRIM_HORIZON']],
      [
        'on one that names none, once nothing new has come behind it',
        { childShards: false },
        1,
        'abcde |',
        ['TRIM_HORIZON', 'AT_SEQUENCE_NUMBER 5'],
      ],
      [
        'also where that comes on a page of its own each time',
        { childShards: false, lastPage: 'extra-page' },
        3,
        'abcde |',
        ['TRIM_HORIZON', 'AT_SEQUENCE_NUMBER 5'],
      ],
      ['also without a record', { childShards: false, shards: { 0: '|^' } }, 1, '|', ['TRIM_HORIZON', 'TRIM_HORIZON']],
    ] as ReadonlyArray<readonly [string, Partial<FakeScript>, number, string, string[]]>)
      it(
        what,
        marbles(({ expectObservable, flush }) => {
          const kinesis = closed({ shards: closedLongAgo, ...script });
          expectObservable(textFrom(HORIZON, kinesis, behind(kinesis))).toBe(`${ms}ms (t|)`, { t: text });
          flush();
          expect(iterators(kinesis)).to.deep.equal(opened);
        }),
      );

    it(
      'where the shard is listed no more, once nothing new has come behind that page',
      marbles(({ expectObservable, flush }) => {
        const kinesis = fakeKinesis({ latencyMs: 0, shards: { 0: '(ab|)' }, childShards: false });
        const port = { ...kinesis, listShards: () => fakeKinesis({ latencyMs: 0, shards: { 1: '' } }).listShards(STREAM) };
        expectObservable(textFrom(HORIZON, kinesis, readContext(kinesis, { port }))).toBe('1ms (t|)', { t: 'ab |' });
        flush();
        expect(iterators(kinesis)).to.deep.equal(['TRIM_HORIZON', 'AT_SEQUENCE_NUMBER 2']);
      }),
    );

    it(
      'not where the shard is open, a page has lost its iterator, and an old listing does not have the shard yet (regression: the rest was lost)',
      marbles(({ expectObservable, flush }) => {
        const kinesis = fakeKinesis({ latencyMs: 0, shards: { 0: '(ab) 20ms c|' } });
        let pages = 0;
        const port: KinesisPort = {
          ...kinesis,
          listShards: (request) => (pages === 1 ? fakeKinesis({ latencyMs: 0, shards: { 1: '' } }) : kinesis).listShards(request),
          getRecords: (request) =>
            kinesis.getRecords(request).pipe(map((page) => (++pages === 1 ? { ...page, NextShardIterator: undefined } : page))),
        };
        expectObservable(textFrom(HORIZON, kinesis, readContext(kinesis, { port }))).toBe('25ms (t|)', { t: 'ab c |' });
        flush();
        expect(iterators(kinesis)).to.deep.equal(['TRIM_HORIZON', 'AT_SEQUENCE_NUMBER 2']);
      }),
    );

    it(
      'and keeps the records of the page while it cannot find out',
      marbles(({ expectObservable, flush }) => {
        const faults = [{ method: 'listShards', error: 'LimitExceededException', times: 2 }] as const;
        const kinesis = fakeKinesis({ latencyMs: 0, shards: { 0: '(abc|)' }, childShards: false, faults });
        const context = readContext(kinesis);
        expectObservable(textFrom(HORIZON, kinesis, context)).toBe('(t|)', { t: 'abc|' });
        flush();
        expect(kinesis.callsOf('getRecords')).to.have.length(3);
        expect(retriesIn(context.events).map(({ reason, attempt }) => [reason, attempt])).to.deep.equal([
          ['throttling', 1],
          ['throttling', 2],
        ]);
      }),
    );
  });

  describe('tries again', () => {
    it(
      'what passes, and tells of it',
      marbles(({ expectObservable, flush }) => {
        const faults = [
          { method: 'getShardIterator', error: 'InternalFailure' },
          { method: 'getRecords', error: 'ProvisionedThroughputExceededException', times: 2 },
        ] as const;
        const kinesis = fakeKinesis({ latencyMs: 0, shards: { 0: '(ab|)' }, faults });
        const context = readContext(kinesis);
        expectObservable(textFrom(HORIZON, kinesis, context)).toBe('(t|)', { t: 'ab|' });
        flush();
        expect(retriesIn(context.events).map(({ shardId, reason, attempt }) => [shardId.at(-1), reason, attempt])).to.deep.equal([
          ['0', 'transient', 1],
          ['0', 'throttling', 2],
          ['0', 'throttling', 3],
        ]);
        expect(iterators(kinesis)).to.have.length(2);
      }),
    );

    it(
      'so often and not more',
      marbles(({ expectObservable, flush }) => {
        const kinesis = closed({ faults: [{ method: 'getRecords', error: 'InternalFailure', untilMs: 99 }] });
        expectObservable(textFrom(HORIZON, kinesis)).toBe('(t|)', { t: '#InternalFailure' });
        flush();
        expect(kinesis.callsOf('getRecords')).to.have.length(4);
      }),
    );

    it(
      'nothing that is fatal',
      marbles(({ expectObservable, flush }) => {
        const kinesis = closed({ faults: [{ method: 'getRecords', error: 'AccessDeniedException' }] });
        expectObservable(textFrom(HORIZON, kinesis)).toBe('(t|)', { t: '#AccessDeniedException' });
        flush();
        expect(kinesis.callsOf('getRecords')).to.have.length(1);
      }),
    );
  });

  for (const start of [HORIZON, after(2)]) {
    it(
      `takes an unknown stream for that, and not for a gap: ${start.type}`,
      marbles(({ expectObservable }) => {
        const kinesis = fakeKinesis({ latencyMs: 0, streamName: 'other', shards: { 0: 'abc' } });
        const error = new ShardCursor(readContext(kinesis), start).read(9).pipe(
          catchError((fault: unknown) => of(shardReadError(fault, { streamName: 'stream' }))),
          map((wrapped) => [isShardReadError(wrapped), isRangeExpired(wrapped), 'retriable' in wrapped && wrapped.retriable]),
        );
        expectObservable(error).toBe('(k|)', { k: [true, false, false] });
      }),
    );
  }

  describe('takes a malformed answer for a fault that passes', () => {
    for (const method of ['getShardIterator', 'getRecords', 'listShards'] as const) {
      it(
        `and asks again: ${method}`,
        marbles(({ expectObservable, flush }) => {
          const kinesis = closed({ childShards: false, faults: [{ method, answer: 'malformed', times: 2 }] });
          const context = readContext(kinesis);
          expectObservable(timer(9).pipe(concatMap(() => textFrom(after(2), kinesis, context)))).toBe('9ms (t|)', { t: 'cde|' });
          flush();
          expect(retriesIn(context.events).map(({ reason }) => reason)).to.deep.equal(['transient', 'transient']);
        }),
      );

      it(
        `which is an error when it stays, and no end of the shard: ${method}`,
        marbles(({ flush }) => {
          const kinesis = closed({ childShards: false, faults: [{ method, answer: 'malformed', untilMs: 99 }] });
          const errors: unknown[] = [];
          const pages: string[] = [];
          timer(9)
            .pipe(concatMap(() => pagesFrom(new ShardCursor(readContext(kinesis), after(2)))))
            .subscribe({ next: (page) => pages.push(pageText(page)), error: (error: unknown) => errors.push(error) });
          flush();
          expect([pages, errors.length, isShardReadError(errors[0])]).to.deep.equal([[], 1, true]);
          expect(errors[0]).to.include({ retriable: true, streamName: 'stream' });
          expect(kinesis.callsOf(method)).to.have.length(4);
        }),
      );
    }

    it(
      'although all calls are answered by a gateway that knows no better',
      marbles(({ expectObservable, flush }) => {
        const kinesis = closed({ faults: [{ answer: 'malformed', untilMs: 99 }] });
        const context = readContext(kinesis, { onGap: 'continue' });
        for (const start of [HORIZON, after(2)]) expectObservable(textFrom(start, kinesis, context)).toBe('(t|)', { t: '#ShardReadError' });
        flush();
        retriesIn(context.events);
      }),
    );

    it(
      'although the list of shards is empty when the iterator ends',
      marbles(({ expectObservable }) => {
        const kinesis = fakeKinesis({ latencyMs: 0, shards: { 0: '(ab|)', 1: { parents: [0] } } });
        const port = { ...kinesis, listShards: () => of({ Shards: [] }) };
        expectObservable(textFrom(HORIZON, kinesis, readContext(kinesis, { port }))).toBe('(t|)', { t: '#ShardReadError' });
      }),
    );

    it(
      'although children are named, where the list of shards shows it open',
      marbles(({ expectObservable, flush }) => {
        const kinesis = fakeKinesis({ latencyMs: 0, shards: { 0: '(ab) 8ms c|', 1: { parents: [0], createdAtMs: 0 } } });
        let pages = 0;
        const ChildShards = [{ ShardId: 'other', ParentShards: ['x'], HashKeyRange: { StartingHashKey: '0', EndingHashKey: '9' } }];
        const ending: typeof kinesis.getRecords = (request) =>
          kinesis.getRecords(request).pipe(map((page) => (++pages === 1 ? { Records: page.Records, ChildShards } : page)));
        expectObservable(textFrom(HORIZON, kinesis, readContext(kinesis, { port: { ...kinesis, getRecords: ending } }))).toBe('13ms (t|)', {
          t: 'ab c |',
        });
        flush();
        expect(kinesis.callsOf('listShards')).to.have.length(2);
      }),
    );
  });

  describe('refuses a start that was never a record of this shard', () => {
    /** What a service does with a number that it does not know. */
    const ways: Readonly<Record<string, (kinesis: FakeKinesis) => Partial<KinesisPort>>> = {
      'and gives nothing for it': () => ({}),
      'and gives no iterator for it': (kinesis) => ({
        getShardIterator: (request) =>
          request.ShardIteratorType === 'AT_SEQUENCE_NUMBER' ? throwError(() => invalidArgument()) : kinesis.getShardIterator(request),
      }),
      'and knows no such record': (kinesis) => ({
        getShardIterator: (request) =>
          request.ShardIteratorType === 'AT_SEQUENCE_NUMBER' ? throwError(() => notFound()) : kinesis.getShardIterator(request),
      }),
      'and begins with the oldest record': (kinesis) => ({
        getShardIterator: (request) => kinesis.getShardIterator({ ...STREAM, ShardId: request.ShardId, ShardIteratorType: 'TRIM_HORIZON' }),
      }),
    };
    const invalidArgument = () => Object.assign(new Error('no'), { name: 'InvalidArgumentException', $fault: 'client' });
    const notFound = () => Object.assign(new Error('no'), { name: 'ResourceNotFoundException', $fault: 'client' });
    const values = { a: { sequenceNumber: 20 }, b: { sequenceNumber: 30 }, c: { sequenceNumber: 40 } };

    /** What reading after `start` comes to: the pages, and the error. */
    function outcomeOf(kinesis: FakeKinesis, start: ReadStart, fields: Partial<ReadContext>, flush: () => void) {
      const pages: string[] = [];
      const errors: unknown[] = [];
      const context = readContext(kinesis, fields);
      timer(10)
        .pipe(concatMap(() => pagesFrom(new ShardCursor(context, start))))
        .subscribe({ next: (page) => pages.push(pageText(page)), error: (error: unknown) => errors.push(error) });
      flush();
      expect(context.events).to.deep.equal([]);
      return { text: pages.join(''), error: errors[0] };
    }

    for (const [way, portOf] of Object.entries(ways)) {
      for (const [what, number, shards] of [
        ['above all numbers of an open shard', 99, '(abc)'],
        ['above all numbers of a closed shard', 99, '(abc|)'],
        ['between two of its numbers', 35, '(abc|)'],
      ] as const) {
        for (const onGap of ['fail', 'continue'] as const) {
          it(
            `${what}, ${way}: onGap '${onGap}'`,
            marbles(({ flush }) => {
              const kinesis = fakeKinesis({ latencyMs: 0, shards: { 0: shards }, values });
              const port = { ...kinesis, ...portOf(kinesis) };
              const { text, error } = outcomeOf(kinesis, after(number), { port, onGap }, flush);
              expect([text, isForeignCheckpoint(error)]).to.deep.equal(['', true]);
              expect(error).to.deep.include({ retriable: false, checkpoint: at(number), shardStart: '0', shardId: 'shardId-000000000000' });
              expect(error)
                .to.have.property('message')
                .that.matches(new RegExp(`checkpoint ${number} is not of this shard, which begins at 0: its record 20 is there`));
            }),
          );
        }
      }
    }

    it(
      'above all numbers, though new records come meanwhile',
      marbles(({ flush }) => {
        const kinesis = fakeKinesis({ latencyMs: 0, shards: { 0: '(abc) 4ms d 4ms e 4ms f' }, values });
        const { text, error } = outcomeOf(kinesis, after(60), {}, flush);
        expect([text, isForeignCheckpoint(error)]).to.deep.equal(['', true]);
      }),
    );

    it(
      'of a shard whose first record comes only later',
      marbles(({ flush }) => {
        const kinesis = fakeKinesis({ latencyMs: 0, shards: { 0: '^ 99ms a' }, values });
        const { text, error } = outcomeOf(kinesis, after(50), {}, flush);
        expect([text, isForeignCheckpoint(error)]).to.deep.equal(['', true]);
      }),
    );

    it(
      'and names the first record that is there to whoever may not list shards',
      marbles(({ flush }) => {
        const kinesis = fakeKinesis({ latencyMs: 0, shards: { 0: '(abc)' }, values });
        const port = { ...kinesis, listShards: () => throwError(() => Object.assign(new Error('no'), { name: 'AccessDeniedException' })) };
        expect(outcomeOf(kinesis, after(99), { port }, flush).error).to.include({ code: 'FOREIGN_CHECKPOINT', shardStart: '20' });
      }),
    );

    it(
      'but not one that is there, which a service fails to find once, or gives late',
      marbles(({ expectObservable, flush }) => {
        const honest = fakeKinesis({ latencyMs: 0, shards: { 0: '(abc) 99ms |' }, values });
        let pages = 0;
        // At the newest record, it says for three pages; gives the oldest one; and says so for five pages more.
        const getRecords: KinesisPort['getRecords'] = (request) =>
          ++pages === 4 || pages > 9
            ? honest.getRecords(request)
            : of({ Records: [], MillisBehindLatest: 0, NextShardIterator: request.ShardIterator });
        const port = { ...honest, getRecords };
        expectObservable(timer(10).pipe(concatMap(() => textFrom(after(30), honest, readContext(honest, { port }))))).toBe('104ms (t|)', {
          t: 'c |',
        });
        flush();
        expect(iterators(honest)).to.deep.equal(['AT_SEQUENCE_NUMBER 30', 'TRIM_HORIZON', 'AT_SEQUENCE_NUMBER 30']);
      }),
    );
  });

  it(
    'takes pages that go back for a fault, and opens anew where it stands',
    marbles(({ expectObservable, flush }) => {
      const kinesis = fakeKinesis({ latencyMs: 0, shards: { 0: '(abcde|)' } });
      let first: string | undefined;
      let calls = 0;
      const getRecords: KinesisPort['getRecords'] = (request) =>
        kinesis.getRecords(
          ++calls === 3 ? { ...request, ShardIterator: (first ??= request.ShardIterator) } : ((first ??= request.ShardIterator), request),
        );
      const context = readContext(kinesis, { port: { ...kinesis, getRecords } });
      expectObservable(textFrom(HORIZON, kinesis, context, 2)).toBe('2ms (t|)', { t: 'ab cd e|' });
      flush();
      expect(retriesIn(context.events)).to.have.length(1);
      expect(iterators(kinesis)).to.deep.equal(['TRIM_HORIZON', 'AT_SEQUENCE_NUMBER 4']);
    }),
  );

  describe('unsubscribed', () => {
    for (const [method, unsubscribedMs, made] of [
      ['getShardIterator', 5, 1],
      ['getRecords', 15, 2],
      ['listShards', 25, 3],
    ] as const) {
      it(
        `aborts ${method}`,
        marbles(({ scheduler, expectObservable, flush }) => {
          const kinesis = fakeKinesis({ latencyMs: 10, shards: { 0: '(a|)' }, childShards: false });
          expectObservable(new ShardCursor(readContext(kinesis), HORIZON).read(9), `^ ${unsubscribedMs - 1}ms !`).toBe('');
          flush();
          expect(kinesis.calls).to.have.length(made);
          expect(kinesis.calls.at(-1)).to.include({ method, aborted: true, endedAtMs: unsubscribedMs });
          expect([kinesis.inFlight, scheduler.now()]).to.deep.equal([0, unsubscribedMs]);
        }),
      );
    }
  });
});

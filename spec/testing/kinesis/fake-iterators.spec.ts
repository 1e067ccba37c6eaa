import { concatMap, delay, map, mergeMap, take, timer, type Observable } from 'rxjs';
import { fakeKinesis } from '../../../lib/testing/kinesis/fakeKinesis.js';
import { marbles } from '../../../lib/testing/marbles/marbles.js';
import { HORIZON, inShort, iteratorOf, nameOfError, pagesOf, textAt, usedAt, type Start } from './reading.js';

describe('GetShardIterator of fakeKinesis', () => {
  const script = { latencyMs: 0, shards: { 0: 'abc--d' } };
  const at = (StartingSequenceNumber: string): Start => ({ ShardIteratorType: 'AT_SEQUENCE_NUMBER', StartingSequenceNumber });
  const after = (StartingSequenceNumber: string): Start => ({ ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', StartingSequenceNumber });
  const since = (ms: number): Start => ({ ShardIteratorType: 'AT_TIMESTAMP', Timestamp: new Date(ms) });
  const LATEST: Start = { ShardIteratorType: 'LATEST' };

  for (const [what, ms, start, text] of [
    ['TRIM_HORIZON begins with the oldest record', 3, HORIZON, 'abc'],
    ['LATEST begins behind the newest record', 3, LATEST, ''],
    ['LATEST of a later time too', 5, LATEST, ''],
    ['AT_SEQUENCE_NUMBER begins with that record', 3, at('2'), 'bc'],
    ['AFTER_SEQUENCE_NUMBER begins behind it', 3, after('2'), 'c'],
    ['AFTER_SEQUENCE_NUMBER of the newest begins behind it', 3, after('3'), ''],
    ['AT_TIMESTAMP begins with a record of that time', 3, since(1), 'bc'],
    ['AT_TIMESTAMP between records begins with the next', 5, since(3), 'd'],
    ['AT_TIMESTAMP before all records begins with the oldest', 3, since(-1_000), 'abc'],
    ['AT_TIMESTAMP in the future is refused', 3, since(4), 'InvalidArgumentException'],
    ['what is not a sequence number is refused', 3, at('LATEST'), 'InvalidArgumentException'],
    ['a sequence number with leading zeros is refused', 3, at('02'), 'InvalidArgumentException'],
    ['an unknown type is refused', 3, { ShardIteratorType: 'OLDEST' } as never, 'ValidationException'],
  ] as const) {
    it(
      what,
      marbles(({ expectObservable }) => {
        expectObservable(textAt(fakeKinesis(script), ms, start)).toBe(`${ms}ms (t|)`, { t: text });
      }),
    );
  }

  for (const start of [LATEST, after('3'), after('4'), since(3)]) {
    it(
      `${start.ShardIteratorType} waits for the next record`,
      marbles(({ expectObservable }) => {
        const kinesis = fakeKinesis({
          latencyMs: 1,
          shards: { 0: { records: [1, 2, 3, 5].map((n, i) => ({ sequenceNumber: n, data: String(n), atMs: i < 3 ? 0 : 8 })) } },
        });
        const page = timer(3).pipe(
          mergeMap(() => iteratorOf(kinesis, 0, start)),
          delay(5),
          mergeMap((ShardIterator) => kinesis.getRecords({ ShardIterator })),
          map(inShort),
        );
        expectObservable(page).toBe('10ms (t|)', { t: '5' });
      }),
    );
  }

  it(
    'AT_TIMESTAMP is a time of the clock, not of the script',
    marbles(({ expectObservable }) => {
      const page = timer(100).pipe(mergeMap(() => textAt(fakeKinesis(script), 3, since(101))));
      expectObservable(page).toBe('103ms (t|)', { t: 'bc' });
    }),
  );

  it(
    'compares numbers by value',
    marbles(({ expectObservable }) => {
      const kinesis = fakeKinesis({
        latencyMs: 0,
        shards: { 0: '(abc)' },
        values: { a: { sequenceNumber: 9 }, b: { sequenceNumber: 10 } },
      });
      expectObservable(textAt(kinesis, 1, at('9'))).toBe('-(t|)', { t: 'abc' });
      expectObservable(textAt(kinesis, 1, after('9'))).toBe('-(t|)', { t: 'bc' });
    }),
  );

  it(
    'takes an aggregate as a whole',
    marbles(({ expectObservable }) => {
      const values = { c: { subSequenceNumber: 1 }, d: { subSequenceNumber: 2 } };
      const kinesis = fakeKinesis({ latencyMs: 0, shards: { 0: '(abcde)' }, values });
      expectObservable(textAt(kinesis, 1, at('2'))).toBe('-(t|)', { t: '(bcd)e' });
      expectObservable(textAt(kinesis, 1, after('2'))).toBe('-(t|)', { t: 'e' });
    }),
  );

  it(
    'knows no shard that has not appeared, or is not there',
    marbles(({ expectObservable }) => {
      const kinesis = fakeKinesis({ latencyMs: 0, shards: { 0: '---|', 1: { parents: [0] } } });
      expectObservable(textAt(kinesis, 2, HORIZON, 1)).toBe('--(t|)', { t: 'ResourceNotFoundException' });
      expectObservable(textAt(kinesis, 3, HORIZON, 1)).toBe('---(t|)', { t: '' });
      expectObservable(textAt(kinesis, 3, HORIZON, 2)).toBe('---(t|)', { t: 'ResourceNotFoundException' });
    }),
  );
});

describe('an iterator of fakeKinesis', () => {
  it(
    'expires after five minutes',
    marbles(({ expectObservable }) => {
      const kinesis = fakeKinesis({ latencyMs: 0, shards: { 0: 'a' } });
      expectObservable(usedAt(kinesis, 300_000)).toBe('300s (t|)', { t: 'a' });
      expectObservable(usedAt(kinesis, 300_001)).toBe('300001ms (t|)', { t: 'ExpiredIteratorException' });
    }),
  );

  it(
    'expires after the time of the script, that of a page too',
    marbles(({ expectObservable }) => {
      const kinesis = fakeKinesis({ latencyMs: 0, shards: { 0: 'a' }, iteratorTtlMs: 10 });
      const second = (ms: number): Observable<string> =>
        timer(7).pipe(
          mergeMap(() => pagesOf(kinesis)),
          take(1),
          delay(ms),
          concatMap(({ NextShardIterator = '' }) => kinesis.getRecords({ ShardIterator: NextShardIterator })),
          map(inShort),
          nameOfError,
        );
      expectObservable(usedAt(kinesis, 10)).toBe('10ms (t|)', { t: 'a' });
      expectObservable(usedAt(kinesis, 11)).toBe('11ms (t|)', { t: 'ExpiredIteratorException' });
      expectObservable(second(10)).toBe('17ms (t|)', { t: '' });
      expectObservable(second(11)).toBe('18ms (t|)', { t: 'ExpiredIteratorException' });
    }),
  );

  it(
    'expires when the script says so, one that is given afterwards in the same millisecond does not',
    marbles(({ expectObservable }) => {
      const kinesis = fakeKinesis({ latencyMs: 0, shards: { 0: 'a' }, expireIteratorsAtMs: [5] });
      expectObservable(usedAt(kinesis, 4)).toBe('4ms (t|)', { t: 'a' });
      expectObservable(usedAt(kinesis, 5)).toBe('5ms (t|)', { t: 'ExpiredIteratorException' });
      expectObservable(textAt(kinesis, 5)).toBe('5ms (t|)', { t: 'a' });
    }),
  );

  it(
    'expires with all others at expireIterators',
    marbles(({ expectObservable, scheduler }) => {
      const kinesis = fakeKinesis({ latencyMs: 0, shards: { 0: 'a' } });
      scheduler.schedule(() => kinesis.expireIterators(), 5);
      expectObservable(usedAt(kinesis, 4)).toBe('4ms (t|)', { t: 'a' });
      expectObservable(usedAt(kinesis, 6)).toBe('6ms (t|)', { t: 'ExpiredIteratorException' });
      expectObservable(textAt(kinesis, 6)).toBe('6ms (t|)', { t: 'a' });
    }),
  );

  it(
    'is opaque, and a made-up one is refused',
    marbles(({ expectObservable }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'a' } });
      expectObservable(kinesis.getRecords({ ShardIterator: 'shardId-000000000000' }).pipe(map(inShort), nameOfError)).toBe('-(e|)', {
        e: 'InvalidArgumentException',
      });
    }),
  );
});

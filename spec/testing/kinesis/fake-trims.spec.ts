import { map, mergeMap, take, timer, toArray } from 'rxjs';
import { fakeKinesis, type FakeKinesis } from '../../../lib/testing/kinesis/fakeKinesis.js';
import { marbles } from '../../../lib/testing/marbles/marbles.js';
import type { TrimmedReads } from '../../../lib/testing/kinesis/fake-script.js';
import { HORIZON, pagesOf, textAt, usedAt, type Start } from './reading.js';

describe('trimmed records of fakeKinesis', () => {
  const at2: Start = { ShardIteratorType: 'AT_SEQUENCE_NUMBER', StartingSequenceNumber: '2' };
  const trimmed = (reads?: TrimmedReads): FakeKinesis =>
    fakeKinesis({ latencyMs: 0, shards: { 0: '(abcd)', 1: 'x' }, trims: [{ shard: 0, atMs: 5, through: 'b', reads }] });

  it(
    'are there until their time',
    marbles(({ expectObservable }) => {
      expectObservable(textAt(trimmed(), 4, at2)).toBe('4ms (t|)', { t: 'bcd' });
      expectObservable(textAt(trimmed(), 5)).toBe('5ms (t|)', { t: 'cd' });
    }),
  );

  for (const [what, reads, start, text] of [
    ['by default reading starts at the horizon', undefined, at2, 'cd'],
    ['reading can start at the horizon', 'horizon', at2, 'cd'],
    ['the iterator can be refused', 'InvalidArgumentException', at2, 'InvalidArgumentException'],
    ['the shard can be gone', 'ResourceNotFoundException', at2, 'ResourceNotFoundException'],
    ['a shard that is gone has no horizon either', 'ResourceNotFoundException', HORIZON, 'ResourceNotFoundException'],
    ['the horizon can be read', 'InvalidArgumentException', HORIZON, 'cd'],
    ['what is left can be read', 'InvalidArgumentException', { ...at2, StartingSequenceNumber: '3' }, 'cd'],
    [
      'behind the last trimmed record nothing is lost',
      'InvalidArgumentException',
      { ...at2, ShardIteratorType: 'AFTER_SEQUENCE_NUMBER' },
      'cd',
    ],
    [
      'behind the one before it one is',
      'InvalidArgumentException',
      { ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', StartingSequenceNumber: '1' },
      'InvalidArgumentException',
    ],
    ['an old time starts at the horizon', 'InvalidArgumentException', { ShardIteratorType: 'AT_TIMESTAMP', Timestamp: new Date(-9) }, 'cd'],
  ] as const) {
    it(
      what,
      marbles(({ expectObservable }) => {
        expectObservable(textAt(trimmed(reads), 6, start)).toBe('6ms (t|)', { t: text });
        expectObservable(textAt(trimmed(reads), 6, HORIZON, 1)).toBe('6ms (t|)', { t: 'x' });
      }),
    );
  }

  it(
    'can be empty pages for ever, with MillisBehindLatest stuck',
    marbles(({ expectObservable }) => {
      const kinesis = trimmed('empty-pages');
      const pages = timer(6).pipe(
        mergeMap(() => pagesOf(kinesis, 0, at2)),
        take(50),
        map(({ Records, MillisBehindLatest, NextShardIterator }) => [Records.length, MillisBehindLatest, NextShardIterator !== undefined]),
        toArray(),
        map((all) => new Set(all.map(String))),
      );
      expectObservable(pages).toBe('6ms (p|)', { p: new Set(['0,86400000,true']) });
      expectObservable(textAt(kinesis, 6)).toBe('6ms (t|)', { t: 'cd' });
    }),
  );

  it(
    'are passed over by an iterator that stands before them',
    marbles(({ expectObservable }) => {
      const kinesis = trimmed('InvalidArgumentException');
      const late = usedAt(kinesis, 6);
      expectObservable(late).toBe('6ms (t|)', { t: 'cd' });
    }),
  );

  it(
    'can take the shard from under an iterator, and off the list',
    marbles(({ expectObservable }) => {
      const kinesis = trimmed('ResourceNotFoundException');
      const ids = timer(5).pipe(
        mergeMap(() => kinesis.listShards({ StreamName: 'stream' })),
        map(({ Shards }) => Shards.map(({ ShardId }) => ShardId)),
      );
      expectObservable(usedAt(kinesis, 6)).toBe('6ms (t|)', { t: 'ResourceNotFoundException' });
      expectObservable(ids).toBe('5ms (i|)', { i: ['shardId-000000000001'] });
    }),
  );

  it(
    'go by number or by time, and as the test goes on',
    marbles(({ scheduler, expectObservable }) => {
      const kinesis = fakeKinesis({ latencyMs: 0, shards: { 0: 'abcd' } });
      scheduler.schedule(() => kinesis.trim(0, { through: 1 }), 5);
      scheduler.schedule(() => kinesis.trim(0, { beforeMs: 3, reads: 'InvalidArgumentException' }), 10);
      expectObservable(textAt(kinesis, 6)).toBe('6ms (t|)', { t: 'bcd' });
      expectObservable(textAt(kinesis, 9, { ...at2, StartingSequenceNumber: '1' })).toBe('9ms (t|)', { t: 'bcd' });
      expectObservable(textAt(kinesis, 11)).toBe('11ms (t|)', { t: 'd' });
      expectObservable(textAt(kinesis, 11, at2)).toBe('11ms (t|)', { t: 'InvalidArgumentException' });
    }),
  );

  it(
    'are read as the latest trim says, in whatever order the trims are given',
    marbles(({ scheduler, expectObservable }) => {
      const trims = [
        { shard: 0, atMs: 10, through: 2, reads: 'InvalidArgumentException' },
        { shard: 0, atMs: 5, through: 2, reads: 'horizon' },
      ] as const;
      const kinesis = fakeKinesis({ latencyMs: 0, shards: { 0: '(abcd)' }, trims });
      scheduler.schedule(() => kinesis.trim(0, { through: 2, reads: 'horizon' }), 20);
      expectObservable(textAt(kinesis, 6, at2)).toBe('6ms (t|)', { t: 'cd' });
      expectObservable(textAt(kinesis, 11, at2)).toBe('11ms (t|)', { t: 'InvalidArgumentException' });
      expectObservable(textAt(kinesis, 21, at2)).toBe('21ms (t|)', { t: 'cd' });
    }),
  );

  it(
    'are never seen when they arrive afterwards',
    marbles(({ expectObservable }) => {
      const kinesis = fakeKinesis({ latencyMs: 0, shards: { 0: 'a---b' }, trims: [{ shard: 0, through: '999' }] });
      expectObservable(textAt(kinesis, 3)).toBe('3ms (t|)', { t: '' });
      expectObservable(textAt(kinesis, 9)).toBe('9ms (t|)', { t: '' });
    }),
  );
});

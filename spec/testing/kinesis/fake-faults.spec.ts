import { expect } from 'chai';
import { map, mergeMap, repeat, timer, type Observable } from 'rxjs';
import { fakeKinesis, type FakeKinesis } from '../../../lib/testing/kinesis/fakeKinesis.js';
import { marbles } from '../../../lib/testing/marbles/marbles.js';
import { iteratorOf, nameOfError, textsOf } from './reading.js';

const STREAM = { StreamName: 'stream' };
const THROTTLED = 'ProvisionedThroughputExceededException';
const NAMES = { t: THROTTLED, l: 'LimitExceededException', s: 'shards', i: 'iterator' };

function listing(kinesis: FakeKinesis): Observable<string> {
  return kinesis.listShards(STREAM).pipe(
    map(() => 'shards'),
    nameOfError,
  );
}

function iterating(kinesis: FakeKinesis, shard: number): Observable<string> {
  return iteratorOf(kinesis, shard).pipe(
    map(() => 'iterator'),
    nameOfError,
  );
}

describe('faults of fakeKinesis', () => {
  it(
    'strike the next call, once by default',
    marbles(({ expectObservable }) => {
      const kinesis = fakeKinesis({ shards: { 0: '' }, faults: [{ error: THROTTLED }] });
      expectObservable(listing(kinesis).pipe(repeat(2))).toBe('-t(s|)', NAMES);
    }),
  );

  it(
    'strike the next n calls of a method, one fault after the other',
    marbles(({ expectObservable }) => {
      const faults = [
        { method: 'listShards', error: THROTTLED, times: 2 },
        { method: 'listShards', error: 'LimitExceededException' },
      ] as const;
      const kinesis = fakeKinesis({ shards: { 0: '' }, faults });
      expectObservable(iterating(kinesis, 0)).toBe('-(i|)', NAMES);
      expectObservable(listing(kinesis).pipe(repeat(5))).toBe('-ttls(s|)', NAMES);
    }),
  );

  it(
    'strike one shard',
    marbles(({ expectObservable }) => {
      const kinesis = fakeKinesis({ shards: { 0: '', 1: '' }, faults: [{ shard: 1, error: THROTTLED, times: 2 }] });
      expectObservable(iterating(kinesis, 0).pipe(repeat(2))).toBe('-i(i|)', NAMES);
      expectObservable(iterating(kinesis, 1).pipe(repeat(3))).toBe('-tt(i|)', NAMES);
      expectObservable(listing(kinesis)).toBe('-(s|)', NAMES);
    }),
  );

  it(
    'strike all calls of a window, its end excluded',
    marbles(({ expectObservable }) => {
      const kinesis = fakeKinesis({ shards: { 0: '' }, faults: [{ error: THROTTLED, fromMs: 2, untilMs: 5 }] });
      expectObservable(listing(kinesis).pipe(repeat(6))).toBe('-ssttt(s|)', NAMES);
    }),
  );

  it(
    'strike from now on when they are added in the course of the test',
    marbles(({ scheduler, expectObservable }) => {
      const kinesis = fakeKinesis({ shards: { 0: '' } });
      scheduler.schedule(() => kinesis.fail({ error: THROTTLED, times: 2 }), 2);
      scheduler.schedule(() => kinesis.fail({ error: 'LimitExceededException', untilMs: 40 }), 30);
      expectObservable(listing(kinesis).pipe(repeat(5))).toBe('-sstt(s|)', NAMES);
      expectObservable(timer(35).pipe(mergeMap(() => listing(kinesis)))).toBe('36ms (l|)', NAMES);
      expectObservable(timer(40).pipe(mergeMap(() => listing(kinesis)))).toBe('41ms (s|)', NAMES);
    }),
  );

  it(
    'give the error itself when it is one',
    marbles(({ expectObservable }) => {
      const error = Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
      const kinesis = fakeKinesis({ shards: { 0: '' }, faults: [{ error }] });
      expectObservable(kinesis.listShards(STREAM)).toBe('-#', undefined, error);
    }),
  );

  it(
    'let a call hang until it is aborted',
    marbles(({ expectObservable, flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: '' }, faults: [{ answer: 'never' }] });
      expectObservable(listing(kinesis), '^ 59999ms !').toBe('-');
      flush();

      expect(kinesis.calls).to.deep.equal([{ method: 'listShards', atMs: 0, endedAtMs: 60_000, aborted: true }]);
      expect(kinesis.inFlight).to.equal(0);
    }),
  );

  it(
    'let a call take long, in success and in error',
    marbles(({ expectObservable }) => {
      const kinesis = fakeKinesis({ shards: { 0: '' }, faults: [{ latencyMs: 20 }, { latencyMs: 30, error: THROTTLED }] });
      expectObservable(listing(kinesis).pipe(repeat(3))).toBe('20ms s 29ms t(s|)', NAMES);
    }),
  );

  it(
    'leave out of an answer all that it should hold',
    marbles(({ expectObservable }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'abc' }, faults: [{ answer: 'malformed', untilMs: 9 }] });
      const request = { StreamName: 'stream', ShardId: 'shardId-000000000000', ShardIteratorType: 'TRIM_HORIZON' } as const;
      expectObservable(kinesis.getShardIterator(request)).toBe('-(a|)', { a: undefined });
      expectObservable(kinesis.listShards({ StreamName: 'stream' })).toBe('-(a|)', { a: {} });
    }),
  );

  it(
    'give empty pages although there are records',
    marbles(({ expectObservable, flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: '(abc|)' }, faults: [{ answer: 'empty', times: 3 }] });
      expectObservable(textsOf(kinesis)).toBe('--___(a|)', { _: '', a: 'abc|' });
      flush();

      expect(kinesis.calls.map(({ method }) => method)).to.deep.equal(['getShardIterator', ...Array<string>(4).fill('getRecords')]);
    }),
  );
});

import { expect } from 'chai';
import { concat, concatMap, merge, mergeMap, timer } from 'rxjs';
import { fakeKinesis } from '../../../lib/testing/kinesis/fakeKinesis.js';
import { marbles } from '../../../lib/testing/marbles/marbles.js';
import { iteratorOf, nameOfError, pagesOf } from './reading.js';

const STREAM = { StreamName: 'stream' };

describe('the calls of fakeKinesis', () => {
  it(
    'are kept with what they asked for, when they began and ended, and how',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({
        latencyMs: 10,
        shards: { 0: 'a', 1: 'b' },
        faults: [{ method: 'getRecords', error: 'LimitExceededException' }],
      });
      const at = iteratorOf(kinesis, 1, { ShardIteratorType: 'AT_SEQUENCE_NUMBER', StartingSequenceNumber: '2' });
      const reads = at.pipe(concatMap((ShardIterator) => kinesis.getRecords({ ShardIterator, Limit: 5 }).pipe(nameOfError)));
      concat(kinesis.listShards(STREAM), reads).subscribe();
      flush();

      expect(kinesis.calls).to.deep.equal([
        { method: 'listShards', atMs: 0, endedAtMs: 10, aborted: false, error: undefined },
        {
          method: 'getShardIterator',
          shardId: 'shardId-000000000001',
          type: 'AT_SEQUENCE_NUMBER',
          startingSequenceNumber: '2',
          atMs: 10,
          endedAtMs: 20,
          aborted: false,
          error: undefined,
        },
        {
          method: 'getRecords',
          shardId: 'shardId-000000000001',
          limit: 5,
          atMs: 20,
          endedAtMs: 30,
          aborted: false,
          error: 'LimitExceededException',
        },
      ]);
    }),
  );

  it(
    'can be picked by method and shard',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: '|', 1: '-|' } });
      merge(pagesOf(kinesis, 0), pagesOf(kinesis, 1)).subscribe();
      flush();

      expect(kinesis.callsOf('getShardIterator').map(({ shardId }) => shardId?.at(-1))).to.deep.equal(['0', '1']);
      expect(kinesis.callsOf('getRecords', 1).map(({ atMs }) => atMs)).to.deep.equal([1]);
      expect(kinesis.callsOf('listShards')).to.deep.equal([]);
    }),
  );

  it(
    'that are unsubscribed before the answer are aborted, and nothing is left over',
    marbles(({ scheduler, expectObservable, flush }) => {
      const kinesis = fakeKinesis({ latencyMs: 10, shards: { 0: '' } });
      expectObservable(kinesis.listShards(STREAM), '---!').toBe('');
      flush();

      expect(kinesis.calls).to.deep.equal([{ method: 'listShards', atMs: 0, endedAtMs: 3, aborted: true }]);
      expect(scheduler.now()).to.be.lessThan(11);
    }),
  );

  it(
    'that are unsubscribed by their answer are not aborted',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: '' } });
      const subscription = kinesis.listShards(STREAM).subscribe(() => subscription.unsubscribe());
      flush();

      expect(kinesis.calls[0]).to.include({ aborted: false, endedAtMs: 1 });
    }),
  );

  it(
    'are counted while they are in flight',
    marbles(({ scheduler, flush }) => {
      const kinesis = fakeKinesis({ latencyMs: 10, shards: { 0: '' } });
      const counts: number[] = [];
      for (const ms of [1, 5, 11, 20]) scheduler.schedule(() => counts.push(kinesis.inFlight), ms);
      kinesis.listShards(STREAM).subscribe();
      const second = timer(4)
        .pipe(mergeMap(() => kinesis.listShards(STREAM)))
        .subscribe();
      scheduler.schedule(() => second.unsubscribe(), 12);
      flush();

      expect(counts).to.deep.equal([1, 2, 1, 0]);
    }),
  );
});

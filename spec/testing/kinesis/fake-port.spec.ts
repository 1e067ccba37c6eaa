import { expect } from 'chai';
import { asyncScheduler, concatMap, firstValueFrom, map } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { fakeKinesis } from '../../../lib/testing/kinesis/fakeKinesis.js';
import { marbles } from '../../../lib/testing/marbles/marbles.js';
import { iteratorOf, nameOfError, pagesOf } from './reading.js';

const SHARD = 'shardId-000000000000';
const STREAM = { StreamName: 'stream' };

describe('the port of fakeKinesis', () => {
  describe('latency', () => {
    for (const latencyMs of [0, 1, 250]) {
      it(
        `of ${latencyMs} ms is that of every call, on success and on error`,
        marbles(({ expectObservable }) => {
          const kinesis = fakeKinesis({ latencyMs, shards: { 0: 'a' } });
          const unknown = kinesis.getRecords({ ShardIterator: 'nonsense' });
          expectObservable(kinesis.listShards(STREAM).pipe(map(() => 'a'))).toBe(`${latencyMs}ms (a|)`);
          expectObservable(iteratorOf(kinesis).pipe(map(() => 'a'))).toBe(`${latencyMs}ms (a|)`);
          expectObservable(
            unknown.pipe(
              map(() => 'a'),
              nameOfError,
            ),
          ).toBe(`${latencyMs}ms (e|)`, { e: 'InvalidArgumentException' });
        }),
      );
    }

    it(
      'runs on the given scheduler',
      marbles(({ scheduler: other, flush }) => {
        const scheduler = new TestScheduler(() => undefined);
        scheduler.maxFrames = Infinity;
        const kinesis = fakeKinesis({ shards: { 0: '' }, scheduler });
        const seen: unknown[] = [];
        kinesis.listShards(STREAM).subscribe(() => seen.push('answer'));
        flush();
        expect([seen, other.now()]).to.deep.equal([[], 0]);
        scheduler.flush();
        expect([seen, scheduler.now()]).to.deep.equal([['answer'], 1]);
      }),
    );

    it('is real time outside of a virtual-time test, and arrival times are those of the clock', async () => {
      const before = asyncScheduler.now();
      const kinesis = fakeKinesis({ shards: { 0: 'a' } });
      const { Records } = await firstValueFrom(pagesOf(kinesis));

      expect(Records).to.have.length(1);
      expect(Records[0]?.ApproximateArrivalTimestamp?.getTime()).to.be.within(before, asyncScheduler.now());
    });
  });

  describe('the stream', () => {
    for (const [what, id] of Object.entries({
      name: { StreamName: 'other' },
      ARN: { StreamARN: 'arn:aws:kinesis:eu-west-1:000000000000:stream/other' },
    })) {
      it(
        `is not found under another ${what}`,
        marbles(({ expectObservable }) => {
          const kinesis = fakeKinesis({ shards: { 0: '' } });
          const request = { ...id, ShardId: SHARD, ShardIteratorType: 'LATEST' } as const;
          expectObservable(kinesis.listShards(id).pipe(map(String), nameOfError)).toBe('-(e|)', { e: 'ResourceNotFoundException' });
          expectObservable(kinesis.getShardIterator(request).pipe(nameOfError)).toBe('-(e|)', { e: 'ResourceNotFoundException' });
        }),
      );
    }

    it(
      'is found by the end of its ARN',
      marbles(({ expectObservable }) => {
        const kinesis = fakeKinesis({ streamName: 'flights', shards: { 0: 'a' } });
        const StreamARN = 'arn:aws:kinesis:eu-west-1:000000000000:stream/flights';
        const pages = kinesis
          .getShardIterator({ StreamARN, ShardId: SHARD, ShardIteratorType: 'TRIM_HORIZON' })
          .pipe(concatMap((ShardIterator) => kinesis.getRecords({ ShardIterator, StreamARN })));
        expectObservable(pages.pipe(map(({ Records }) => Records.length))).toBe('--(n|)', { n: 1 });
        expect(kinesis.values.a).to.include({ streamName: 'flights', sequenceNumber: '1' });
      }),
    );

    it(
      'must be named',
      marbles(({ expectObservable }) => {
        const kinesis = fakeKinesis({ shards: { 0: '' } });
        expectObservable(kinesis.listShards({} as never).pipe(map(String), nameOfError)).toBe('-(e|)', { e: 'InvalidArgumentException' });
      }),
    );
  });

  it(
    'gives errors as the SDK does',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: '' }, faults: [{ error: 'InternalFailureException' }] });
      const errors: unknown[] = [];
      kinesis.listShards(STREAM).subscribe({ error: (error: unknown) => errors.push(error) });
      kinesis.listShards({ StreamName: 'other' }).subscribe({ error: (error: unknown) => errors.push(error) });
      flush();

      expect(errors[0]).to.be.instanceOf(Error);
      expect(errors[0]).to.deep.include({
        name: 'InternalFailureException',
        $fault: 'server',
        $metadata: { httpStatusCode: 500, attempts: 1 },
      });
      expect(errors[1]).to.deep.include({
        name: 'ResourceNotFoundException',
        message: 'Stream other not found',
        $fault: 'client',
        $metadata: { httpStatusCode: 400, attempts: 1 },
      });
    }),
  );
});

import { expect } from 'chai';
import { defer, filter, map, of, take, type Observable } from 'rxjs';
import { reducedFault } from '../../lib/internal/aws-fault.js';
import { awsError } from '../../lib/testing/kinesis/fake-errors.js';
import { fakeKinesis, marbles } from '../../lib/testing/index.js';
import { fanOut } from '../../lib/readers/fanOut.js';
import type { SubscribeToShardEvent } from '../../lib/kinesis/fan-out-port.js';
import type { FakeKinesis } from '../../lib/testing/index.js';
import { HORIZON, read } from '../support/fan-out.js';
import { pageText, readContext } from '../support/read-context.js';

/** What the shard gives, the pages without records left out. */
const texts = (kinesis: FakeKinesis): Observable<string> => read(kinesis).pipe(filter(Boolean));

describe('fanOut', () => {
  it(
    'emits the records of the shard as they arrive, and completes at its end',
    marbles(({ expectObservable }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'a^-------b-----c-|' }, consumers: ['app'] });
      // The stream's ARN at 1, the consumer at 2, the subscription at 3; the end is told at 16 and confirmed by a listing at 17.
      const expected = '---a----b-----c--(d|)';

      expectObservable(texts(kinesis)).toBe(expected, { a: 'a', b: 'b', c: 'c', d: '|' });
    }),
  );

  it(
    'calls nothing before it is subscribed',
    marbles(({ expectObservable, flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'a^' }, consumers: ['app'] });
      const expected = '-----------a';
      const sub = '     --------^----!';

      expectObservable(texts(kinesis), sub).toBe(expected);
      expect(kinesis.calls).to.deep.equal([]);
      flush();
      expect(kinesis.calls[0]).to.include({ method: 'describeStreamSummary', atMs: 8 });
    }),
  );

  it(
    'errors when the service errors',
    marbles(({ expectObservable, flush }) => {
      const error = awsError('KMSDisabledException');
      const kinesis = fakeKinesis({ shards: { 0: 'a^' }, consumers: ['app'], faults: [{ method: 'subscribeToShard', error }] });
      const failed$ = texts(kinesis);
      const expected = '---#';

      expectObservable(failed$).toBe(expected, undefined, reducedFault(error));
      flush();
      expect(kinesis.callsOf('subscribeToShard')).to.have.length(1);
    }),
  );

  it(
    'emits nothing of what is empty',
    marbles(({ expectObservable }) => {
      const open = fakeKinesis({ shards: { 0: '' }, consumers: ['app'] });
      const expectedOfOpen = '  ----';
      const unsub = '           ^ 1m !';
      const closed = fakeKinesis({ shards: { 0: '|^' }, consumers: ['app'] });
      const expectedOfClosed = '----(a|)';

      expectObservable(texts(open), unsub).toBe(expectedOfOpen);
      expectObservable(texts(closed)).toBe(expectedOfClosed, { a: '|' });
    }),
  );

  for (const [call, unsub, index] of [
    ['DescribeStreamSummary', '^!', 0],
    ['DescribeStreamConsumer', '^--!', 1],
    ['SubscribeToShard', '^----!', 2],
  ] as const) {
    it(
      `aborts the request under way when it is unsubscribed: ${call}`,
      marbles(({ expectObservable, flush }) => {
        const kinesis = fakeKinesis({ shards: { 0: 'ab' }, latencyMs: 2, consumers: ['app'] });
        const expected = '----';

        expectObservable(texts(kinesis), unsub).toBe(expected);
        flush();
        expect(kinesis.calls.map(({ aborted }) => aborted)).to.deep.equal([...Array<boolean>(index).fill(false), true]);
        expect([kinesis.inFlight, kinesis.subscriptions]).to.deep.equal([0, 0]);
      }),
    );
  }

  it(
    'takes a service that answers synchronously, and stops when unsubscribed',
    marbles(({ expectObservable, flush }) => {
      let closed = 0;
      let taken = 0;
      const event = (): SubscribeToShardEvent => ({
        Records: [{ SequenceNumber: String(++taken), PartitionKey: 'key', Data: new TextEncoder().encode('x') }],
        ContinuationSequenceNumber: String(taken),
      });
      const client = {
        ...fakeKinesis({ shards: { 0: '' } }),
        describeStreamConsumer: () => of({ ConsumerARN: 'arn', ConsumerStatus: 'ACTIVE' }),
        describeStreamSummary: () => of({ StreamARN: 'arn' }),
        subscribeToShard: () => of({ next: () => defer(() => of(event())), close: () => void closed++ }),
      };
      const pages$ = fanOut({ consumerName: 'app' })({ ...readContext(client), client }, HORIZON, of(10)).pipe(map(pageText));
      const expected = '(xx|)';

      expectObservable(pages$.pipe(take(2))).toBe(expected);
      flush();
      expect({ closed, taken }).to.deep.equal({ closed: 1, taken: 2 });
    }),
  );

  it(
    'serves two subscribers independently',
    marbles(({ expectObservable, flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'a^|', 1: 'b^---c|' }, consumers: ['app'] });
      const reader = fanOut({ consumerName: 'app' });
      const ofShard = (number: number): Observable<string> =>
        reader({ ...readContext(kinesis), shardId: `shardId-00000000000${number}` }, HORIZON, of(10)).pipe(map(pageText), filter(Boolean));

      expectObservable(ofShard(0)).toBe('   ----(a|)', { a: 'a|' });
      expectObservable(ofShard(1)).toBe('---bc-(d|)', { b: 'b', c: 'c', d: '|' });
      flush();
      // One look at the consumer is for both.
      expect(kinesis.callsOf('describeStreamConsumer')).to.have.length(1);
    }),
  );

  it(
    'starts anew when it is subscribed again',
    marbles(({ expectObservable }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'ab|^' }, consumers: ['app'] });
      const pages$ = texts(kinesis);

      expectObservable(pages$).toBe('        ----(a|)', { a: 'ab|' });
      // The consumer is known by then; subscriptions of a shard are 5 s apart.
      expectObservable(pages$, '10ms ^').toBe('5005ms (a|)', { a: 'ab|' });
    }),
  );
});

import { expect } from 'chai';
import { catchError, map, mergeMap, of, repeat, takeWhile, timer, type Observable } from 'rxjs';
import type { SubscribeToShardEvent, SubscribeToShardRequest } from '../../../lib/kinesis/fan-out-port.js';
import { fakeKinesis, marbles, type FakeKinesis } from '../../../lib/testing/index.js';
import { isInvalidConfig } from '../../../lib/values/errors.js';
import { thrownBy } from '../../support/thrown-by.js';

const ARN = 'arn:aws:kinesis:us-east-1:123456789012:stream/stream/consumer/app:1';
type Start = SubscribeToShardRequest['StartingPosition'];

/** An event in short: its data, then where the next subscription continues, or `|` and the numbers of the children. */
function short({ Records, ContinuationSequenceNumber, ChildShards }: SubscribeToShardEvent): string {
  const data = Records.map((record) => new TextDecoder().decode(record.Data)).join('');
  return `${data}${ContinuationSequenceNumber ?? `|${(ChildShards ?? []).map(({ ShardId }) => Number(ShardId.slice(-3))).join()}`}`;
}

/** What a subscription gives when each event is taken at once; the name of an error. */
function events(kinesis: FakeKinesis, start: Start = { Type: 'TRIM_HORIZON' }): Observable<string> {
  return kinesis.subscribeToShard({ ConsumerARN: ARN, ShardId: 'shardId-000000000000', StartingPosition: start }).pipe(
    mergeMap((subscription) =>
      subscription.next().pipe(
        repeat({ delay: () => timer(0) }),
        takeWhile((event) => event !== undefined),
      ),
    ),
    map(short),
    catchError((error: unknown) => of((error as Error).name)),
  );
}

const fake = (records: string, script: object = {}): FakeKinesis =>
  fakeKinesis({ latencyMs: 0, consumers: ['app'], shards: { 0: records, 1: { parents: [0], createdAtMs: 0 } }, ...script });

describe('the subscriptions of fakeKinesis', () => {
  it(
    'push records as they arrive, and end at the end of the shard with its children',
    marbles(({ expectObservable }) => {
      expectObservable(events(fake('a^--b--|'))).toBe('x--y--(z|)', { x: 'a1', y: 'b2', z: '|1' });
    }),
  );

  it(
    'push what is put later',
    marbles(({ expectObservable }) => {
      const kinesis = fake('');
      timer(3).subscribe(() => kinesis.put(0, 'q'));
      timer(5).subscribe(() => kinesis.close(0));
      expectObservable(events(kinesis)).toBe('---x-(y|)', { x: 'q1', y: '|1' });
    }),
  );

  it(
    'give an event without records when none arrives for five seconds, and end after subscriptionMs',
    marbles(({ expectObservable }) => {
      expectObservable(events(fake('a^', { subscriptionMs: 12_000 }))).toBe('x 4999ms y 4999ms y 1999ms |', { x: 'a1', y: '1' });
    }),
  );

  it(
    'begin where they are asked to',
    marbles(({ expectObservable }) => {
      const [at, after, time] = [
        { Type: 'AT_SEQUENCE_NUMBER', SequenceNumber: '2' },
        { Type: 'AFTER_SEQUENCE_NUMBER', SequenceNumber: '2' },
        { Type: 'AT_TIMESTAMP', Timestamp: new Date(0) },
      ] as const;
      for (const [start, first] of [
        [at, 'bc3'],
        [after, 'c3'],
        [{ Type: 'TRIM_HORIZON' }, 'abc3'],
      ] as const)
        expectObservable(events(fake('(abc)^'), start), '^-!').toBe('x', { x: first });
      expectObservable(events(fake('ab^-c'), time), '^----!').toBe('--x', { x: 'c3' });
    }),
  );

  it(
    'are refused within five seconds of another one, and taken over after that',
    marbles(({ expectObservable }) => {
      const kinesis = fake('a^');
      const of4s = timer(4_999).pipe(mergeMap(() => events(kinesis)));
      const of5s = timer(5_000).pipe(mergeMap(() => events(kinesis)));
      expectObservable(of4s).toBe('4999ms (x|)', { x: 'ResourceInUseException' });
      expectObservable(of5s, '^ 5001ms !').toBe('5s x', { x: 'a1' });
      expectObservable(events(kinesis)).toBe('x 4999ms (y|)', { x: 'a1', y: 'ResourceInUseException' });
    }),
  );

  it(
    'end when they are ended, with an error or without, and when the consumer is removed',
    marbles(({ expectObservable }) => {
      const [ended, cut, removed] = [fake('a^'), fake('a^'), fake('a^')];
      timer(3).subscribe(() => ended.endSubscriptions());
      timer(3).subscribe(() => cut.endSubscriptions('InternalFailureException'));
      timer(3).subscribe(() => removed.deregister('app'));
      expectObservable(events(ended)).toBe('x--|', { x: 'a1' });
      expectObservable(events(cut)).toBe('x--(y|)', { x: 'a1', y: 'InternalFailureException' });
      expectObservable(events(removed)).toBe('x--(y|)', { x: 'a1', y: 'ResourceNotFoundException' });
    }),
  );

  it(
    'are silent where a fault says so',
    marbles(({ expectObservable }) => {
      const kinesis = fake('a^', { faults: [{ method: 'subscribeToShard', answer: 'empty' }], subscriptionMs: 20_000 });
      expectObservable(events(kinesis)).toBe('20s |');
    }),
  );

  it(
    'count as open until they are closed',
    marbles(({ flush }) => {
      const kinesis = fake('a^');
      const counts: number[] = [];
      kinesis
        .subscribeToShard({ ConsumerARN: ARN, ShardId: 'shardId-000000000000', StartingPosition: { Type: 'LATEST' } })
        .subscribe((subscription) => (counts.push(kinesis.subscriptions), subscription.close(), counts.push(kinesis.subscriptions)));
      flush();
      expect(counts).to.deep.equal([1, 0]);
      expect(kinesis.callsOf('subscribeToShard', 0)).to.have.length(1);
    }),
  );
});

describe('the consumers of fakeKinesis', () => {
  it(
    'are CREATING for consumerDelayMs, and cannot subscribe until then',
    marbles(({ expectObservable }) => {
      const kinesis = fake('a^', { consumers: [], consumerDelayMs: 3 });
      const id = { StreamARN: 'arn:aws:kinesis:us-east-1:123456789012:stream/stream', ConsumerName: 'app' };
      const status = (ms: number): Observable<string> =>
        timer(ms).pipe(
          mergeMap(() => kinesis.describeStreamConsumer(id)),
          map(({ ConsumerStatus }) => ConsumerStatus),
          catchError((error: unknown) => of((error as Error).name)),
        );
      expectObservable(status(0)).toBe('(x|)', { x: 'ResourceNotFoundException' });
      timer(1)
        .pipe(mergeMap(() => kinesis.registerStreamConsumer(id)))
        .subscribe();
      expectObservable(status(2)).toBe('--(x|)', { x: 'CREATING' });
      expectObservable(timer(2).pipe(mergeMap(() => events(kinesis)))).toBe('--(x|)', { x: 'ResourceInUseException' });
      expectObservable(status(4)).toBe('----(x|)', { x: 'ACTIVE' });
    }),
  );

  it('can be removed only if they are there', () => {
    expect(isInvalidConfig(thrownBy(() => fake('').deregister('other')))).to.equal(true);
  });

  for (const field of [{ consumerDelayMs: -1 }, { subscriptionMs: 0 }])
    it(`refuses ${JSON.stringify(field)}`, () => {
      expect(isInvalidConfig(thrownBy(() => fake('', field)))).to.equal(true);
    });
});

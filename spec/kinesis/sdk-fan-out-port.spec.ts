import { expect } from 'chai';
import { Readable } from 'node:stream';
import { catchError, concatMap, lastValueFrom, of, toArray, type Observable } from 'rxjs';
import { rawErrorOf } from '../../lib/internal/aws-fault.js';
import type { ShardSubscription, SubscribeToShardEvent } from '../../lib/kinesis/fan-out-port.js';
import { fanOutPortOf, sdkFanOutPort } from '../../lib/kinesis/sdk-fan-out-port.js';
import { isInvalidConfig } from '../../lib/values/errors.js';
import { fakeKinesis } from '../../lib/testing/index.js';
import { answeringClient, JSON_TYPE, type Answer } from '../support/answering-client.js';
import { eventMessage, EVENT_STREAM, exceptionMessage, initialResponse, messageOf } from '../support/event-stream.js';
import { installedSdks, tellMissingSdks } from '../support/kinesis-sdks.js';
import { thrownBy } from '../support/thrown-by.js';
import { until } from '../support/until.js';

const request = { ConsumerARN: 'arn', ShardId: 'shardId-000000000000', StartingPosition: { Type: 'TRIM_HORIZON' } } as const;
const event = (number: string) =>
  eventMessage({
    Records: [{ SequenceNumber: number, PartitionKey: 'key', Data: 'AAEC/w==', ApproximateArrivalTimestamp: 1_700_000_000.5 }],
    ContinuationSequenceNumber: number,
    MillisBehindLatest: 7,
  });

/** The numbers of what a subscription gives, `end` at its end, the name of its fault. */
function given(subscription: ShardSubscription, times: number): Promise<string[]> {
  const next = (): Observable<string> =>
    subscription.next().pipe(
      concatMap((each) => [each ? each.Records.map(({ SequenceNumber }) => SequenceNumber).join() : 'end']),
      catchError((error: unknown) => of((error as Error).name)),
    );
  return lastValueFrom(of(...Array.from({ length: times }, (_, i) => i)).pipe(concatMap(next), toArray()));
}

for (const { version, sdk } of installedSdks)
  describe(`the fan-out port of the AWS SDK ${version}`, () => {
    const portOf = (answer: Answer | (() => Answer)) => {
      const { client, sent } = answeringClient(sdk, typeof answer === 'function' ? answer : () => answer);
      return { port: sdkFanOutPort(client, sdk), sent };
    };
    const subscribed = (answer: Answer): Promise<ShardSubscription> =>
      lastValueFrom(portOf({ type: EVENT_STREAM, ...answer }).port.subscribeToShard(request));

    it('gives events one at a time, and the end', async () => {
      const subscription = await subscribed({ chunks: [initialResponse(), event('1'), event('2')] });
      expect(await given(subscription, 3)).to.deep.equal(['1', '2', 'end']);
    });

    it('gives the fields of an event, with payloads as bytes and times as dates', async () => {
      const subscription = await subscribed({ chunks: [initialResponse(), event('1')] });
      const [first] = await lastValueFrom(subscription.next().pipe(toArray()));
      const { Records, ContinuationSequenceNumber, MillisBehindLatest } = first as SubscribeToShardEvent;
      expect({ ContinuationSequenceNumber, MillisBehindLatest }).to.deep.equal({ ContinuationSequenceNumber: '1', MillisBehindLatest: 7 });
      expect(Records[0]).to.include({ SequenceNumber: '1', PartitionKey: 'key' });
      expect([...Records[0]!.Data]).to.deep.equal([0, 1, 2, 255]);
      expect(Number(Records[0]!.ApproximateArrivalTimestamp)).to.equal(1_700_000_000_500);
    });

    it('takes messages that are cut into chunks anyhow', async () => {
      const bytes = Buffer.concat([initialResponse(), event('1'), event('2')]);
      const chunks = Array.from({ length: Math.ceil(bytes.length / 7) }, (_, i) => bytes.subarray(i * 7, i * 7 + 7));
      expect(await given(await subscribed({ chunks }), 3)).to.deep.equal(['1', '2', 'end']);
    });

    it('passes over kinds of events that it does not know', async () => {
      const odd = messageOf({ ':message-type': 'event', ':event-type': 'Odd', ':content-type': 'application/x-amz-json-1.1' }, {});
      expect(await given(await subscribed({ chunks: [initialResponse(), odd, event('1')] }), 2)).to.deep.equal(['1', 'end']);
    });

    it('errors with the name of a fault that comes in the middle', async () => {
      const subscription = await subscribed({ chunks: [initialResponse(), event('1'), exceptionMessage('ResourceInUseException')] });
      const [first, fault] = await given(subscription, 2);
      expect(first).to.equal('1');
      // With some versions of @smithy/core, 3.934 throws an object without a name.
      expect(fault).to.be.oneOf(version === '3.934.0' ? ['ResourceInUseException', 'Error'] : ['ResourceInUseException']);
    });

    it('errors when the connection is cut in the middle of an event', async () => {
      const half = event('2').subarray(0, 40);
      const subscription = await subscribed({ chunks: [initialResponse(), event('1'), half] });
      expect(await given(subscription, 2)).to.deep.equal(['1', 'Error']);
    });

    it('asks for what it was asked for', async () => {
      const { port, sent } = portOf({ type: EVENT_STREAM, chunks: [initialResponse(), event('1')] });
      await lastValueFrom(port.subscribeToShard({ ...request, StartingPosition: { Type: 'AFTER_SEQUENCE_NUMBER', SequenceNumber: '7' } }));
      expect(sent.map(({ operation, input }) => ({ operation, input }))).to.deep.equal([
        {
          operation: 'SubscribeToShard',
          input: {
            ConsumerARN: 'arn',
            ShardId: 'shardId-000000000000',
            StartingPosition: { Type: 'AFTER_SEQUENCE_NUMBER', SequenceNumber: '7' },
          },
        },
      ]);
    });

    it('looks up a stream and a consumer, and registers one', async () => {
      const consumer = { ConsumerARN: 'c', ConsumerStatus: 'ACTIVE', ConsumerName: 'app', ConsumerCreationTimestamp: 1 };
      const bodies = [{ StreamDescriptionSummary: { StreamARN: 's' } }, { ConsumerDescription: consumer }, { Consumer: consumer }];
      const { port, sent } = portOf(() => ({ type: JSON_TYPE, body: JSON.stringify(bodies.shift()) }));
      expect((await lastValueFrom(port.describeStreamSummary({ StreamName: 'flights' }))).StreamARN).to.equal('s');
      const id = { StreamARN: 's', ConsumerName: 'app' };
      expect(await lastValueFrom(port.describeStreamConsumer(id))).to.include({ ConsumerARN: 'c', ConsumerStatus: 'ACTIVE' });
      expect(await lastValueFrom(port.registerStreamConsumer(id))).to.include({ ConsumerARN: 'c' });
      expect(sent.map(({ operation, input }) => [operation, input])).to.deep.equal([
        ['DescribeStreamSummary', { StreamName: 'flights' }],
        ['DescribeStreamConsumer', id],
        ['RegisterStreamConsumer', id],
      ]);
    });

    it('reduces the error of a refused call', async () => {
      const body = JSON.stringify({ __type: 'LimitExceededException', message: 'of 123456789012' });
      const { port } = portOf({ statusCode: 400, type: JSON_TYPE, body });
      const error = await lastValueFrom(port.subscribeToShard(request)).catch((thrown: unknown) => thrown);
      expect(error).to.include({ name: 'LimitExceededException', message: 'LimitExceededException' });
      expect((rawErrorOf(error) as Error).message).to.contain('123456789012');
    });
  });

tellMissingSdks('spec/kinesis/sdk-fan-out-port.spec.ts');

describe('the fan-out port of a client', () => {
  /** A client made by hand, whose call never ends by itself. */
  function handMade(stream?: AsyncIterable<object>) {
    const signals: AbortSignal[] = [];
    const answer = stream ? Promise.resolve({ EventStream: stream }) : new Promise<never>(() => undefined);
    return { signals, send: (_command: object, options?: { abortSignal?: AbortSignal }) => (signals.push(options!.abortSignal!), answer) };
  }

  it('aborts a call that is not answered when it is unsubscribed', () => {
    const client = handMade();
    fanOutPortOf(client).subscribeToShard(request).subscribe().unsubscribe();
    expect(client.signals.map(({ aborted }) => aborted)).to.deep.equal([true]);
  });

  it('ends an open subscription by the signal of its call, and not before', async () => {
    const client = handMade(Readable.from([]));
    const subscription = await lastValueFrom(fanOutPortOf(client).subscribeToShard(request));
    expect(client.signals[0]!.aborted).to.equal(false);
    subscription.close();
    expect(client.signals[0]!.aborted).to.equal(true);
  });

  it('asks the iterator for no event that nobody takes', async () => {
    let asked = 0;
    const stream = { [Symbol.asyncIterator]: () => ({ next: async () => ({ done: false, value: { SubscribeToShardEvent: ++asked } }) }) };
    const subscription = await lastValueFrom(fanOutPortOf(handMade(stream)).subscribeToShard(request));
    await lastValueFrom(subscription.next());
    await lastValueFrom(subscription.next());
    await until('nothing more is asked for', () => asked === 2);
    await new Promise((resolve) => setImmediate(resolve));
    expect(asked).to.equal(2);
  });

  it('errors for an answer without a stream of events', async () => {
    const subscription = await lastValueFrom(fanOutPortOf({ send: async () => ({}) }).subscribeToShard(request));
    expect(await given(subscription, 1)).to.deep.equal(['TypeError']);
  });

  for (const [what, member] of [
    ['nothing', undefined],
    ['null', null],
  ] as const)
    it(`errors for an event stream that gives ${what}, also behind an event that is not known, and goes on (regression: nobody heard of it)`, async () => {
      const members: unknown[] = [member, {}, member, { OddEvent: {} }, { SubscribeToShardEvent: { Records: [{ SequenceNumber: '1' }] } }];
      const next = async () => ({ done: members.length === 0, value: members.shift() as object });
      const client = handMade({ [Symbol.asyncIterator]: () => ({ next }) });
      const subscription = await lastValueFrom(fanOutPortOf(client).subscribeToShard(request));
      expect(await given(subscription, 4)).to.deep.equal(['TypeError', 'TypeError', '1', 'end']);
    });

  it('errors for an event stream that cannot be asked for events, and ends the connection', async () => {
    const client = handMade({
      [Symbol.asyncIterator]: () => {
        throw new TypeError('locked');
      },
    });
    const error = await lastValueFrom(fanOutPortOf(client).subscribeToShard(request)).catch((thrown: unknown) => thrown);
    expect(error).to.include({ name: 'TypeError' });
    expect(client.signals[0]!.aborted).to.equal(true);
  });

  it('is the port itself if that has the calls', () => {
    const kinesis = fakeKinesis({ shards: { 0: '' } });
    expect(fanOutPortOf(kinesis)).to.equal(kinesis);
  });

  it('is refused for a port that has not', () => {
    const { listShards, getShardIterator, getRecords } = fakeKinesis({ shards: { 0: '' } });
    expect(isInvalidConfig(thrownBy(() => fanOutPortOf({ listShards, getShardIterator, getRecords })))).to.equal(true);
  });
});

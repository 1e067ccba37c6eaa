import { expect } from 'chai';
import { asyncScheduler, of } from 'rxjs';
import type { FanOutPort, PortConsumer } from '../../lib/kinesis/fan-out-port.js';
import { StreamConsumer } from '../../lib/readers/stream-consumer.js';
import { fakeKinesis, marbles } from '../../lib/testing/index.js';
import { readContext } from '../support/read-context.js';

describe('StreamConsumer', () => {
  const NUMBERED = 'arn:aws:kinesis:eu-west-1:123456789012:stream/stream/consumer/app:';

  /** A port whose consumer is another one each time it is looked up. */
  const remade = (): { readonly port: FanOutPort; readonly looks: () => number } => {
    let looks = 0;
    const describeStreamConsumer = () => of<PortConsumer>({ ConsumerARN: `${NUMBERED}${++looks}`, ConsumerStatus: 'ACTIVE' });
    return { port: { ...fakeKinesis({ shards: { 0: 'a|' } }), describeStreamConsumer }, looks: () => looks };
  };
  const consumerOf = (port: FanOutPort): StreamConsumer => {
    const consumer = { consumerArn: NUMBERED };
    return new StreamConsumer({ consumer, consumerTimeoutMs: 5_000, hasFallback: false, port, scheduler: asyncScheduler });
  };
  const arnOf = (consumer: StreamConsumer): string[] => {
    const got: string[] = [];
    consumer.arn(readContext(fakeKinesis({ shards: { 0: 'a|' } }))).subscribe((arn) => got.push(arn));
    return got;
  };

  it(
    'looks a consumer up once for many shards, and again once when it is gone, however many shards say so, and when',
    marbles(() => {
      const { port, looks } = remade();
      const consumer = consumerOf(port);
      for (let shard = 0; shard < 3; shard++) expect(arnOf(consumer)).to.deep.equal([`${NUMBERED}1`]);
      for (let shard = 0; shard < 3; shard++) {
        consumer.forget(`${NUMBERED}1`);
        expect(arnOf(consumer)).to.deep.equal([`${NUMBERED}2`]);
      }
      expect(looks()).to.equal(2);
      consumer.forget(`${NUMBERED}2`);
      expect(arnOf(consumer)).to.deep.equal([`${NUMBERED}3`]);
    }),
  );
});

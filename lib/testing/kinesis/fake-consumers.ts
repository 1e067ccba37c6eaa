import type { ConsumerId, PortConsumer } from '../../kinesis/fan-out-port.js';
import { InvalidConfigError } from '../../values/errors.js';
import { awsError } from './fake-errors.js';

interface FakeConsumer {
  readonly name: string;
  readonly arn: string;
  readonly createdAtMs: number;
}

/** The consumers of one fake stream. */
export class FakeConsumers {
  readonly streamArn: string;
  private readonly byName = new Map<string, FakeConsumer>();
  private created = 0;

  constructor(
    streamName: string,
    names: readonly string[],
    /** How long a consumer is `CREATING`. */
    private readonly delayMs: number,
  ) {
    this.streamArn = `arn:aws:kinesis:us-east-1:123456789012:stream/${streamName}`;
    for (const name of names) this.add(name, -Infinity);
  }

  /** Answers RegisterStreamConsumer. Throws the service's errors. */
  register(streamArn: string, name: string, nowMs: number): PortConsumer {
    this.checkArn(streamArn);
    if (this.byName.has(name)) throw awsError('ResourceInUseException', `Consumer ${name} exists`);
    const { arn } = this.add(name, nowMs);
    return { ConsumerARN: arn, ConsumerStatus: 'CREATING' };
  }

  /** Answers DescribeStreamConsumer. Throws the service's errors. */
  describe({ ConsumerARN, StreamARN, ConsumerName }: ConsumerId, nowMs: number): PortConsumer {
    if (StreamARN !== undefined) this.checkArn(StreamARN);
    const consumer = [...this.byName.values()].find(({ arn, name }) => arn === ConsumerARN || name === ConsumerName);
    if (!consumer) throw awsError('ResourceNotFoundException', `Consumer ${ConsumerName ?? ConsumerARN} not found`);
    return { ConsumerARN: consumer.arn, ConsumerStatus: nowMs >= consumer.createdAtMs + this.delayMs ? 'ACTIVE' : 'CREATING' };
  }

  /** Throws what SubscribeToShard throws for a consumer that is not there or not active. */
  checkActive(ConsumerARN: string, nowMs: number): void {
    if (this.describe({ ConsumerARN }, nowMs).ConsumerStatus === 'ACTIVE') return;
    throw awsError('ResourceInUseException', 'The consumer is not ACTIVE');
  }

  /** Removes a consumer, and returns its ARN. */
  deregister(name: string): string {
    const consumer = this.byName.get(name);
    if (!consumer) throw new InvalidConfigError(`deregister: expected a consumer that is registered, got ${name}`);
    this.byName.delete(name);
    return consumer.arn;
  }

  private add(name: string, createdAtMs: number): FakeConsumer {
    const consumer = { name, createdAtMs, arn: `${this.streamArn}/consumer/${name}:${++this.created}` };
    this.byName.set(name, consumer);
    return consumer;
  }

  private checkArn(streamArn: string): void {
    if (streamArn !== this.streamArn) throw awsError('ResourceNotFoundException', `Stream ${streamArn} not found`);
  }
}

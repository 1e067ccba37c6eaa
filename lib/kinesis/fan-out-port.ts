import type { Observable } from 'rxjs';
import type { PortChildShard, PortRecord, StreamId } from './port.js';

/** A stream as DescribeStreamSummary gives it. */
export interface StreamSummary {
  readonly StreamARN: string;
}

/** Names a consumer of a stream: by its ARN, or by the stream's ARN and the consumer's name. */
export type ConsumerId =
  | { readonly ConsumerARN: string; readonly StreamARN?: undefined; readonly ConsumerName?: undefined }
  | { readonly StreamARN: string; readonly ConsumerName: string; readonly ConsumerARN?: undefined };

/** A consumer as DescribeStreamConsumer and RegisterStreamConsumer give it. */
export interface PortConsumer {
  readonly ConsumerARN: string;
  /** `ACTIVE` when it may subscribe; else `CREATING` or `DELETING`. */
  readonly ConsumerStatus: string;
}

export interface RegisterStreamConsumerRequest {
  readonly StreamARN: string;
  readonly ConsumerName: string;
}

/** Where a subscription begins. */
export type StartingPosition =
  | { readonly Type: 'TRIM_HORIZON' | 'LATEST' }
  | { readonly Type: 'AT_TIMESTAMP'; readonly Timestamp: Date }
  | { readonly Type: 'AT_SEQUENCE_NUMBER' | 'AFTER_SEQUENCE_NUMBER'; readonly SequenceNumber: string };

export interface SubscribeToShardRequest {
  readonly ConsumerARN: string;
  readonly ShardId: string;
  readonly StartingPosition: StartingPosition;
}

/** What a subscription pushes: some records, or none when nothing has arrived for some time. */
export interface SubscribeToShardEvent {
  readonly Records: readonly PortRecord[];
  /** Where the next subscription continues, AFTER it. Absent when the shard is closed and this was its last event. */
  readonly ContinuationSequenceNumber?: string;
  /** How far behind the newest record this event ends, in ms; 0 when caught up. */
  readonly MillisBehindLatest?: number;
  /** The shard's children, on the last event of a closed shard. */
  readonly ChildShards?: readonly PortChildShard[];
}

/** An open subscription to a shard. */
export interface ShardSubscription {
  /**
   * Takes the next event, one at a time: emits it as soon as it is there, or `undefined` when the subscription has ended. Events that nobody takes
   * are left to the connection's flow control.
   */
  next(): Observable<SubscribeToShardEvent | undefined>;
  /** Ends the subscription, also in the middle of an event. */
  close(): void;
}

/**
 * The calls of the Kinesis API that `fanOut` makes beside those of a `KinesisPort`, as cold Observables of one response.
 *
 * @remarks
 * Each subscription is one call; unsubscribing before the response aborts it. Errors have the `name` that the SDK's errors have.
 */
export interface FanOutPort {
  describeStreamSummary(request: StreamId): Observable<StreamSummary>;
  describeStreamConsumer(request: ConsumerId): Observable<PortConsumer>;
  registerStreamConsumer(request: RegisterStreamConsumerRequest): Observable<PortConsumer>;
  /** Whoever gets the subscription closes it. */
  subscribeToShard(request: SubscribeToShardRequest): Observable<ShardSubscription>;
}

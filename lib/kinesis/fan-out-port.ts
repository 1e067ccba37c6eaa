import type { Observable } from 'rxjs';
import type { PortChildShard, PortRecord, StreamId } from './port.js';

/** A stream as DescribeStreamSummary gives it. */
export interface StreamSummary {
  /** The ARN of the stream. */
  readonly StreamARN: string;
}

/** Names a consumer of a stream: by its ARN, or by the stream's ARN and the consumer's name. */
export type ConsumerId =
  | { readonly ConsumerARN: string; readonly StreamARN?: undefined; readonly ConsumerName?: undefined }
  | { readonly StreamARN: string; readonly ConsumerName: string; readonly ConsumerARN?: undefined };

/** A consumer as DescribeStreamConsumer and RegisterStreamConsumer give it. */
export interface PortConsumer {
  /** The ARN of the consumer. */
  readonly ConsumerARN: string;
  /** `ACTIVE` when it may subscribe; else `CREATING` or `DELETING`. */
  readonly ConsumerStatus: string;
}

export interface RegisterStreamConsumerRequest {
  /** The ARN of the stream. */
  readonly StreamARN: string;
  /** 1 to 128 letters, digits, `_`, `.` and `-`. */
  readonly ConsumerName: string;
}

/** Where a subscription begins. */
export type StartingPosition =
  | { readonly Type: 'TRIM_HORIZON' | 'LATEST' }
  | { readonly Type: 'AT_TIMESTAMP'; readonly Timestamp: Date }
  | { readonly Type: 'AT_SEQUENCE_NUMBER' | 'AFTER_SEQUENCE_NUMBER'; readonly SequenceNumber: string };

export interface SubscribeToShardRequest {
  /** The ARN of the consumer, which must be active. */
  readonly ConsumerARN: string;
  /** The id of the shard. */
  readonly ShardId: string;
  /** Where the subscription begins. */
  readonly StartingPosition: StartingPosition;
}

/** What a subscription pushes: some records, or none when nothing has arrived for some time. */
export interface SubscribeToShardEvent {
  /** In order; none where the event only tells how far behind the subscription is. */
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
  /** The stream, for its ARN. */
  describeStreamSummary(request: StreamId): Observable<StreamSummary>;
  /** A consumer as it is now; an error with the name `ResourceNotFoundException` where there is none. */
  describeStreamConsumer(request: ConsumerId): Observable<PortConsumer>;
  /** Registers a consumer, which is not active at once. */
  registerStreamConsumer(request: RegisterStreamConsumerRequest): Observable<PortConsumer>;
  /** Whoever gets the subscription closes it. */
  subscribeToShard(request: SubscribeToShardRequest): Observable<ShardSubscription>;
}

import type { Observable } from 'rxjs';

/** Identifies a stream as the API does: by name or by ARN. */
export type StreamId =
  { readonly StreamName: string; readonly StreamARN?: undefined } | { readonly StreamARN: string; readonly StreamName?: undefined };

/** A record as GetRecords gives it: a KPL aggregate is one record. */
export interface PortRecord {
  readonly SequenceNumber: string;
  readonly PartitionKey: string;
  readonly Data: Uint8Array;
  readonly ApproximateArrivalTimestamp?: Date;
}

/** A shard as ListShards gives it. */
export interface PortShard {
  readonly ShardId: string;
  readonly ParentShardId?: string;
  readonly AdjacentParentShardId?: string;
  readonly HashKeyRange: { readonly StartingHashKey: string; readonly EndingHashKey: string };
  /** `EndingSequenceNumber` is present once the shard is closed. */
  readonly SequenceNumberRange: { readonly StartingSequenceNumber: string; readonly EndingSequenceNumber?: string };
}

/** A child as GetRecords names it on the last page of a closed shard. */
export interface PortChildShard {
  readonly ShardId: string;
  readonly ParentShards: readonly string[];
  readonly HashKeyRange: { readonly StartingHashKey: string; readonly EndingHashKey: string };
}

export type ListShardsRequest = (StreamId & { readonly NextToken?: undefined }) | { readonly NextToken: string };

export interface ListShardsPage {
  readonly Shards: readonly PortShard[];
  /** Present when there are more pages. A request with a token names no stream. */
  readonly NextToken?: string;
}

export type GetShardIteratorRequest = StreamId & { readonly ShardId: string } & (
    | { readonly ShardIteratorType: 'TRIM_HORIZON' | 'LATEST' }
    | { readonly ShardIteratorType: 'AT_TIMESTAMP'; readonly Timestamp: Date }
    | { readonly ShardIteratorType: 'AT_SEQUENCE_NUMBER' | 'AFTER_SEQUENCE_NUMBER'; readonly StartingSequenceNumber: string }
  );

export interface GetRecordsRequest {
  readonly ShardIterator: string;
  /** 1 to 10 000 records. */
  readonly Limit?: number;
  readonly StreamARN?: string;
}

export interface GetRecordsPage {
  readonly Records: readonly PortRecord[];
  /** Absent when the shard is closed and this was its last page. */
  readonly NextShardIterator?: string;
  /** How far behind the newest record this page ends, in ms; 0 when caught up. */
  readonly MillisBehindLatest?: number;
  /** The shard's children, on the last page of a closed shard. Some emulators leave them out. */
  readonly ChildShards?: readonly PortChildShard[];
}

/**
 * The calls of the Kinesis API that this package makes, as cold Observables of one response.
 *
 * @remarks
 * Each subscription is one call; unsubscribing aborts it. Errors have the `name` that the SDK's errors have. The package makes a port of a
 * `KinesisClient`; `fakeKinesis` of `rx-kinesis/testing` makes one that follows a script in virtual time.
 */
export interface KinesisPort {
  listShards(request: ListShardsRequest): Observable<ListShardsPage>;
  getShardIterator(request: GetShardIteratorRequest): Observable<string>;
  getRecords(request: GetRecordsRequest): Observable<GetRecordsPage>;
}

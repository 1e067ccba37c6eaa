import type { Observable } from 'rxjs';

/** Identifies a stream as the API does: by name or by ARN. */
export type StreamId =
  { readonly StreamName: string; readonly StreamARN?: undefined } | { readonly StreamARN: string; readonly StreamName?: undefined };

/** A record as GetRecords gives it: a KPL aggregate is one record. */
export interface PortRecord {
  /** A decimal number of up to 56 digits, as text. */
  readonly SequenceNumber: string;
  /** The key that the producer has given. */
  readonly PartitionKey: string;
  /** The payload, decoded. */
  readonly Data: Uint8Array;
  /** When Kinesis took the record. */
  readonly ApproximateArrivalTimestamp?: Date;
}

/** A shard as ListShards gives it. */
export interface PortShard {
  /** The id of the shard, for example `shardId-000000000000`. */
  readonly ShardId: string;
  /** The shard that was split, or the first of two that were merged, into this one. */
  readonly ParentShardId?: string;
  /** The second of two shards that were merged into this one. */
  readonly AdjacentParentShardId?: string;
  /** Both ends, inclusive: decimal numbers from 0 to 2^128 - 1, as text. */
  readonly HashKeyRange: { readonly StartingHashKey: string; readonly EndingHashKey: string };
  /** `EndingSequenceNumber` is present once the shard is closed. */
  readonly SequenceNumberRange: { readonly StartingSequenceNumber: string; readonly EndingSequenceNumber?: string };
}

/** A child as GetRecords names it on the last page of a closed shard. */
export interface PortChildShard {
  /** The id of the child. */
  readonly ShardId: string;
  /** The ids of its parents: one after a split, two after a merge. */
  readonly ParentShards: readonly string[];
  /** Both ends, inclusive: decimal numbers from 0 to 2^128 - 1, as text. */
  readonly HashKeyRange: { readonly StartingHashKey: string; readonly EndingHashKey: string };
}

export type ListShardsRequest = (StreamId & { readonly NextToken?: undefined }) | { readonly NextToken: string };

export interface ListShardsPage {
  /** The shards of this page, open and closed. */
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
  /** The iterator that GetShardIterator or the page before gave. It is good for five minutes. */
  readonly ShardIterator: string;
  /** 1 to 10 000 records. */
  readonly Limit?: number;
  /** The ARN of the stream, where it is read by its ARN. */
  readonly StreamARN?: string;
}

export interface GetRecordsPage {
  /** In order; a page may be empty although there are later records. */
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
  /** One page of the shards of a stream. */
  listShards(request: ListShardsRequest): Observable<ListShardsPage>;
  /** An iterator that begins where the request says. */
  getShardIterator(request: GetShardIteratorRequest): Observable<string>;
  /** One page of records. */
  getRecords(request: GetRecordsRequest): Observable<GetRecordsPage>;
}

import type { Observable, SchedulerLike } from 'rxjs';
import type { EventSink } from '../monitoring/events.js';
import type { Position } from '../values/position.js';
import { shardKey } from '../values/shard-id.js';
import type { Gap } from '../kinesis/errors.js';
import type { KinesisPort, PortChildShard, PortRecord } from '../kinesis/port.js';
import type { ReadBudget } from '../kinesis/read-budget.js';
import type { RetryPolicy } from '../kinesis/retry.js';
import type { ResolvedStream } from '../kinesis/stream-id.js';
import type { RecordFields } from '../values/record.js';

/** Where reading begins: at the oldest record, at a time, at a record, or after one. */
export type ReadStart =
  | { readonly type: 'TRIM_HORIZON' }
  | { readonly type: 'AT_TIMESTAMP'; readonly timestamp: Date }
  | { readonly type: 'AT' | 'AFTER'; readonly position: Position };

/** What to do about a {@link Gap}. */
export type GapPolicy = 'fail' | 'continue' | ((gap: Gap) => 'fail' | 'continue');

/** Whether reading may go on without what is missing. */
export function allowsGap(onGap: GapPolicy, gap: Gap): boolean {
  return (typeof onGap === 'function' ? onGap(gap) : onGap) === 'continue';
}

/** Everything that reading one shard needs. */
export interface ReadContext {
  readonly stream: ResolvedStream;
  readonly shardId: string;
  readonly port: KinesisPort;
  readonly budget: ReadBudget;
  readonly retry: RetryPolicy;
  readonly scheduler: SchedulerLike;
  readonly onGap: GapPolicy;
  readonly notify: EventSink;
}

/** One page of a shard's records. */
export interface ShardPage {
  readonly records: readonly PortRecord[];
  /** The payload bytes that Kinesis sent for it. */
  readonly bytes: number;
  /** How far behind the newest record the page ends, in ms. */
  readonly millisBehindLatest: number;
  /** Whether the shard is closed and nothing follows. */
  readonly ended: boolean;
  /** On the last page, where the service says so: what the shard became. */
  readonly childShards: readonly PortChildShard[];
}

/** Reads one shard, page by page. `credit` emits, now or later, when another page may be read. */
export type Reader = (context: ReadContext, start: ReadStart, credit: Observable<unknown>) => Observable<ShardPage>;

/** The place of a record. */
export function positionOf(record: PortRecord): Position {
  return { sequenceNumber: record.SequenceNumber, subSequenceNumber: record.SubSequenceNumber ?? 0 };
}

/** A record's fields in this package's names. */
export function fieldsOf(record: PortRecord): RecordFields {
  return {
    sequenceNumber: record.SequenceNumber,
    subSequenceNumber: record.SubSequenceNumber ?? 0,
    partitionKey: record.PartitionKey,
    data: record.Data,
    approximateArrivalTimestamp: record.ApproximateArrivalTimestamp,
  };
}

/** The payload bytes of a page. */
export function bytesOf(records: readonly PortRecord[]): number {
  let bytes = 0;
  for (const record of records) bytes += record.Data.byteLength;
  return bytes;
}

/** The key of a shard's budget. */
export function budgetKey({ stream, shardId }: Pick<ReadContext, 'stream' | 'shardId'>): string {
  return shardKey({ streamName: stream.streamName, shardId });
}

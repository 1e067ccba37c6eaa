import type { Observable, SchedulerLike } from 'rxjs';
import { notCalled } from '../internal/validate.js';
import { deaggregateRecord } from '../kinesis/aggregation/deaggregateRecord.js';
import type { AggregateProblem } from '../kinesis/aggregation/config.js';
import { beginsLikeAggregate } from '../kinesis/aggregation/open-aggregate.js';
import type { Gap } from '../kinesis/errors.js';
import type { KinesisPort, PortChildShard, PortRecord } from '../kinesis/port.js';
import type { ReadBudget } from '../kinesis/read-budget.js';
import type { RetryPolicy } from '../kinesis/retry.js';
import type { KinesisClientLike } from '../kinesis/sdk-port.js';
import type { ResolvedStream } from '../kinesis/stream-id.js';
import { PagePayloads, SLAB_BYTES, type PayloadPlacement } from '../kinesis/wire/page-payloads.js';
import { WireRecord } from '../kinesis/wire/wire-page.js';
import type { WatchedCall } from '../kinesis/watched-port.js';
import type { EventSink } from '../monitoring/events.js';
import type { Position } from '../values/position.js';
import type { RecordFields } from '../values/record.js';
import { shardKey } from '../values/shard-id.js';

/** Where reading begins: at the oldest record, at a time, at a record, or after one. */
export type ReadStart =
  | { readonly type: 'TRIM_HORIZON' }
  | {
      readonly type: 'AT_TIMESTAMP';
      readonly timestamp: Date;
      /**
       * For a time of this machine's clock: called when the service refuses it, since it has not come yet; returns whether `timestamp` is now
       * an earlier one.
       */
      readonly putBack?: (refused: Date) => boolean;
    }
  | {
      readonly type: 'AT' | 'AFTER';
      readonly position: Position;
      /** Whether this process has read the record from this shard: then it may be trimmed, but it is no other shard's. @defaultValue false */
      readonly isProven?: boolean;
      /** Called when the record has come: a later start at it is proven. */
      readonly noteSeen?: () => void;
    };

/** What to do about a {@link Gap}. `'fail'`: error with a `RangeExpiredError`; `'continue'`: emit a `gap` event, and read on at the next record. */
export type GapPolicy = 'fail' | 'continue' | ((gap: Gap) => 'fail' | 'continue');

/** Everything that a reader needs to read one shard. */
export interface ReadContext {
  /** The stream. */
  readonly stream: ResolvedStream;
  /** The id of the shard, for example `shardId-000000000000`. */
  readonly shardId: string;
  /** The client or the port of the source, as it was given. */
  readonly client: KinesisClientLike | KinesisPort;
  /** The calls of a source, watched. */
  readonly port: KinesisPort;
  /** Watches a further call, which it names in errors: it errors when it is not answered in `requestTimeoutMs`, and its errors are reduced. */
  readonly watched: WatchedCall;
  /** What the reader asks before each read, and tells the bytes of each. */
  readonly budget: ReadBudget;
  /** How failed calls are retried. */
  readonly retry: RetryPolicy;
  /** Every timer and clock. */
  readonly scheduler: SchedulerLike;
  /** Returns a number from 0 up to 1, for jitter. */
  readonly random: () => number;
  /** What to do when records are missing. */
  readonly onGap: GapPolicy;
  /** Whether KPL aggregates are taken apart into their user records. */
  readonly deaggregate: boolean;
  /** Where the payloads of user records lie in memory. */
  readonly payloads: PayloadPlacement;
  /** Takes the events of the reader. */
  readonly notify: EventSink;
  /**
   * Whether the records of a page may be those that were decoded from the wire, whose fields are accessors: a copy of such a record
   * (`{ ...record }`) would have no field. Only for a reader whose pages nobody else takes, see {@link takenAsTheyAre}.
   *
   * @internal
   */
  readonly isLean?: boolean;
}

/** One page of a shard's records. */
export interface ShardPage {
  /** The user records, in order. */
  readonly records: readonly RecordFields[];
  /** The payload bytes that Kinesis sent for the page. */
  readonly bytes: number;
  /** How far behind the newest record the page ends, in ms, where the service says so. */
  readonly millisBehindLatest: number | undefined;
  /** Whether the shard is closed and nothing follows. */
  readonly ended: boolean;
  /** The shards that this one was split or merged into: on the last page, where the service names them. */
  readonly childShards: readonly PortChildShard[];
}

/**
 * Reads one shard, page by page.
 *
 * @remarks
 * `credit` emits, now or later, how many records may be read next, from 1 up. The reader subscribes to it for each page, takes one value,
 * and asks for no more records than that. (A page has more user records where a KPL aggregate holds several.)
 */
export type Reader = (context: ReadContext, start: ReadStart, credit: Observable<number>) => Observable<ShardPage>;

/** Whether reading may continue without the missing records. */
export function allowsGap(onGap: GapPolicy, gap: Gap): boolean {
  return (typeof onGap === 'function' ? onGap(gap) : onGap) === 'continue';
}

/** Refuses the function itself as a reader: what a source then gives it for a config is a read context. @throws InvalidConfigError */
export function assertIsCalled(call: string, maker: (config: never) => Reader, config: object): void {
  const { stream, shardId, port } = (config ?? {}) as Partial<ReadContext>;
  if (stream && shardId && port) throw notCalled('reader', call, maker);
}

/** Marks the readers of this package. */
const OWN = Symbol('own reader');

/** Marks a reader of this package: its pages go to the ledger as they are. One that a user has made of it is not marked. */
export function takenAsTheyAre(reader: Reader): Reader {
  return Object.assign(reader, { [OWN]: true });
}

/** Whether the pages of a reader go to the ledger as they are, so that their records need not be copied. */
export function isTakenAsItIs(reader: Reader): boolean {
  return OWN in reader;
}

/** Turns the service's records into user records with this package's field names: a reader does it once, for each page. */
export function userRecords(records: readonly PortRecord[], context: RecordContext): readonly RecordFields[] {
  const { deaggregate, isLean } = context;
  const isOpened = ({ Data }: PortRecord): boolean => deaggregate && beginsLikeAggregate(Data);
  // Nearly all pages: they need no array of their own.
  if (isLean && records.every((record): record is WireRecord => record instanceof WireRecord && !isOpened(record))) return records;
  const fields: RecordFields[] = [];
  for (const record of records) {
    if (isOpened(record)) for (const user of openedRecords(record, context)) fields.push(user);
    else fields.push(isLean && record instanceof WireRecord ? record : fieldsOf(record));
  }
  return fields;
}

/** What matters for turning a page into user records. */
export type RecordContext = Pick<ReadContext, 'deaggregate' | 'notify' | 'payloads' | 'shardId' | 'stream'> & { readonly isLean?: boolean };

/** A re-read must find the same records whether or not the hash key range is known. A record too many is processed twice, not lost. */
function openedRecords(record: PortRecord, { payloads, notify, stream, shardId }: RecordContext): readonly RecordFields[] {
  const report = (problem: AggregateProblem): void => {
    if (problem.type !== 'malformed') return;
    const { position, reason } = problem;
    notify({ type: 'aggregateMalformed', streamName: stream.streamName, shardId, position, reason });
  };
  return placed(deaggregateRecord(record, undefined, { outOfRange: 'keep', report }), record.Data, payloads);
}

/** Places the payloads of user records like those of plain ones: a view of an aggregate keeps all of it in memory. */
function placed(users: readonly RecordFields[], whole: Uint8Array, payloads: PayloadPlacement): readonly RecordFields[] {
  if (payloads === 'views' || (payloads === 'slabs' && whole.buffer.byteLength <= SLAB_BYTES) || users[0]?.data === whole) return users;
  const place = new PagePayloads({ bytes: whole, chunks: [whole] }, payloads);
  return users.map((user) => {
    const from = user.data.byteOffset - whole.byteOffset;
    return { ...user, data: place.view(from, from + user.data.byteLength) };
  });
}

function fieldsOf(record: PortRecord): RecordFields {
  return {
    sequenceNumber: record.SequenceNumber,
    subSequenceNumber: 0,
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

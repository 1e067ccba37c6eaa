import type { SchedulerLike } from 'rxjs';
import type { FakeFault } from './fake-faults.js';
import type { ShardName } from '../shard-name.js';

/** What a fake stream does over time. Times are in ms since the call of `fakeKinesis`; a negative one lies before it. */
export interface FakeScript {
  /**
   * The shards, by id or number: the records that arrive in each, as marbles or as a {@link FakeShardScript}.
   *
   * @remarks
   * In marbles a frame is 1 ms as in `TestScheduler.run`. A letter is a record, `-` lets 1 ms pass, `|` closes the shard, the records of
   * `(ab)` arrive together, `^` marks time 0 (records before it are backlog), and ` 30s ` lets time pass. Use each letter only once in the
   * whole script.
   */
  readonly shards: Readonly<Record<ShardName, string | FakeShardScript>>;
  /** The fields of the letters' records. @defaultValue a record with the letter as its partition key and as its data */
  readonly values?: Readonly<Record<string, FakeRecord>>;
  /** The name of the only stream. @defaultValue `stream` */
  readonly streamName?: string;
  /** How long each call takes, in ms. It answers with the state at the moment of the call. @defaultValue 1 */
  readonly latencyMs?: number;
  /** Faults of calls: they fail, hang, take long or find nothing. The first fault that matches a call applies. @defaultValue none */
  readonly faults?: readonly FakeFault[];
  /** Records that Kinesis drops. @defaultValue none */
  readonly trims?: ReadonlyArray<FakeTrim & { readonly shard: ShardName }>;
  /** The times at which all iterators given before expire, in ms. @defaultValue none */
  readonly expireIteratorsAtMs?: readonly number[];
  /** How long iterators and the tokens of listings are valid, in ms. GetShardIterator and ListShards: 5 minutes. @defaultValue 300_000 */
  readonly iteratorTtlMs?: number;
  /** The most records a page, whatever `Limit` asks for. A KPL aggregate is one record and is never cut. @defaultValue 10_000 */
  readonly maxRecordsPerPage?: number;
  /** The most shards a page of ListShards. @defaultValue 1_000 */
  readonly shardsPerPage?: number;
  /** Whether a closed shard ends with the page of its last records, or with one more, empty page. @defaultValue `with-records` */
  readonly lastPage?: 'extra-page' | 'with-records';
  /** Whether the last page of a closed shard names its children. Some emulators leave them out. @defaultValue true */
  readonly childShards?: boolean;
  /** The names of the consumers that are registered from the beginning. @defaultValue none */
  readonly consumers?: readonly string[];
  /** How long a consumer is `CREATING` after it was registered, in ms. @defaultValue 0 */
  readonly consumerDelayMs?: number;
  /** How long a subscription lasts, in ms. SubscribeToShard: 5 minutes. @defaultValue 300_000 */
  readonly subscriptionMs?: number;
  /** The clock, and the timer of each call. @defaultValue `asyncScheduler`, which is virtual inside `TestScheduler.run` */
  readonly scheduler?: SchedulerLike;
}

/** One shard of a script, with all its options. */
export interface FakeShardScript {
  /** The records that arrive, as marbles or as a list in order of arrival. @defaultValue none */
  readonly records?: string | readonly FakeRecord[];
  /** Its parents: one (split) or two (merge; the second is the adjacent parent). A parent that is not in the script is out of view. */
  readonly parents?: readonly ShardName[];
  /** When it appears, in ms. @defaultValue when the last of its parents closes; without parents always */
  readonly createdAtMs?: number;
  /** When it closes, in ms. @defaultValue at `|` in its marbles, else never */
  readonly closedAtMs?: number;
  /** Its hash key range, decimal and inclusive. @defaultValue an even share of the key space or of its parents' ranges */
  readonly hashKeyRange?: readonly [startingHashKey: string, endingHashKey: string];
}

/** One record of a script. */
export interface FakeRecord {
  /** When it arrives, in ms; not used in `values` and `put`. @defaultValue the time of the record before it in the list, or else 0 */
  readonly atMs?: number;
  /**
   * Its sequence number. @defaultValue one more than the highest in the stream so far, in order of arrival; that of the record before it
   * when `subSequenceNumber` is above 0
   */
  readonly sequenceNumber?: number | string;
  /**
   * The index in a KPL aggregate. Records that share a sequence number must arrive together, numbered 0, 1, 2, …; they are sent as one
   * aggregate, as the KPL would make it, with the partition key of the first one. @defaultValue 0, a plain record unless others join it
   */
  readonly subSequenceNumber?: number;
  /** The partition key. @defaultValue `key`, or the letter */
  readonly partitionKey?: string;
  /** The payload; text is encoded as UTF-8. @defaultValue empty, or the letter */
  readonly data?: Uint8Array | string;
}

/** Records that Kinesis drops from one shard. */
export interface FakeTrim {
  /** When they are dropped, in ms. @defaultValue 0 */
  readonly atMs?: number;
  /** The sequence number, or the letter, of the last record to drop (digits are always a number). */
  readonly through?: number | string;
  /** Drops the records that arrived before this time, in ms. */
  readonly beforeMs?: number;
  /** What reading trimmed records gives. @defaultValue `horizon` */
  readonly reads?: TrimmedReads;
}

/**
 * How AWS has been seen to treat an iterator AT or AFTER a trimmed sequence number: it starts at the oldest record that is left
 * (`horizon`), gives empty pages for ever with an unchanging MillisBehindLatest (`empty-pages`), refuses the iterator
 * (`InvalidArgumentException`), or no longer knows the shard, neither here nor in ListShards (`ResourceNotFoundException`).
 */
export type TrimmedReads = 'InvalidArgumentException' | 'ResourceNotFoundException' | 'empty-pages' | 'horizon';

import type { SchedulerLike } from 'rxjs';
import type { FakeFault } from './fake-faults.js';
import type { ShardName } from '../shard-name.js';

/** What a fake stream does over time. Times are in ms from the call of `fakeKinesis`; a negative one lies before it. */
export interface FakeScript {
  /**
   * The shards, by id or number: what arrives in each, as marbles or in full.
   *
   * @remarks
   * In marbles a frame is 1 ms as in `TestScheduler.run`, every character is a record, `|` closes the shard, `(ab)` arrives at once,
   * `^` marks time 0 (what stands before it is backlog) and ` 30s ` lets time pass. A letter stands once in the whole script.
   */
  readonly shards: Readonly<Record<ShardName, string | FakeShardScript>>;
  /** What the letters stand for. @defaultValue a record with the letter as its partition key and as its data */
  readonly values?: Readonly<Record<string, FakeRecord>>;
  /** The name of the only stream there is. @defaultValue `stream` */
  readonly streamName?: string;
  /** How long each call takes, in ms. The answer is that of the moment of the call. @defaultValue 1 */
  readonly latencyMs?: number;
  /** Calls that fail, hang, take long or find nothing. The first that matches a call decides. @defaultValue none */
  readonly faults?: readonly FakeFault[];
  /** Records that Kinesis drops. @defaultValue none */
  readonly trims?: ReadonlyArray<FakeTrim & { readonly shard: ShardName }>;
  /** Times at which every iterator given until then expires, in ms. @defaultValue none */
  readonly expireIteratorsAtMs?: readonly number[];
  /** How long an iterator and a listing's token live, in ms. GetShardIterator and ListShards: 5 minutes. @defaultValue 300_000 */
  readonly iteratorTtlMs?: number;
  /** Most records in a page, whatever `Limit` asks for. A KPL aggregate is one record and is never cut. @defaultValue 10_000 */
  readonly maxRecordsPerPage?: number;
  /** Most shards in a page of ListShards. @defaultValue 1_000 */
  readonly shardsPerPage?: number;
  /** Whether a closed shard ends on the page of its last records or on one more, empty page. @defaultValue `with-records` */
  readonly lastPage?: 'extra-page' | 'with-records';
  /** Whether the last page of a closed shard names its children. Some emulators leave them out. @defaultValue true */
  readonly childShards?: boolean;
  /** The clock, and the timer of each call. @defaultValue `asyncScheduler`, which is virtual inside `TestScheduler.run` */
  readonly scheduler?: SchedulerLike;
}

/** One shard of a script in full. */
export interface FakeShardScript {
  /** What arrives, as marbles or as a list in order of arrival. @defaultValue nothing */
  readonly records?: string | readonly FakeRecord[];
  /** The shards that it comes from: one (split) or two (merge; the second is the adjacent parent). One that is not in the script is out of view. */
  readonly parents?: readonly ShardName[];
  /** When it appears, in ms. @defaultValue when the last of its parents closes; without parents always */
  readonly createdAtMs?: number;
  /** When it closes, in ms. @defaultValue at `|` in its marbles, else never */
  readonly closedAtMs?: number;
  /** The hash keys, decimal and inclusive. @defaultValue an even share of the key space or of the parent's */
  readonly hashKeyRange?: readonly [startingHashKey: string, endingHashKey: string];
}

/** One record of a script. */
export interface FakeRecord {
  /** When it arrives, in ms. In a list default that of the record before, else 0; no meaning in `values` and `put`. */
  readonly atMs?: number;
  /** Its number. @defaultValue one more than the highest in the stream so far, in order of arrival; that of the record before it when `subSequenceNumber` is above 0 */
  readonly sequenceNumber?: number | string;
  /**
   * The index in a KPL aggregate: records that share a sequence number arrive together, numbered 0, 1, 2, …, and are sent as one record, the
   * aggregate that the KPL would make of them, with the first one's partition key. @defaultValue 0, a plain record where no other joins it
   */
  readonly subSequenceNumber?: number;
  /** The partition key. @defaultValue `key`, or the letter */
  readonly partitionKey?: string;
  /** The payload; text is encoded as UTF-8. @defaultValue empty, or the letter */
  readonly data?: Uint8Array | string;
}

/** Records of one shard that are gone. */
export interface FakeTrim {
  /** From when on they are gone, in ms. @defaultValue 0 */
  readonly atMs?: number;
  /** The last sequence number that goes, or the letter of a record (digits are always a number). */
  readonly through?: number | string;
  /** Records that arrived before this time go, in ms. */
  readonly beforeMs?: number;
  /** What reading trimmed records gives. @defaultValue `horizon` */
  readonly reads?: TrimmedReads;
}

/**
 * What AWS is seen to do for an iterator AT or AFTER a trimmed sequence number: start at the oldest record that is left (`horizon`), give
 * empty pages for ever with MillisBehindLatest stuck (`empty-pages`), refuse the iterator (`InvalidArgumentException`), or know the shard
 * no more, neither here nor in ListShards (`ResourceNotFoundException`).
 */
export type TrimmedReads = 'InvalidArgumentException' | 'ResourceNotFoundException' | 'empty-pages' | 'horizon';

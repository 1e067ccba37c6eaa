import type { Position } from '../values/position.js';
import type { SequenceNumberRange } from '../values/sequence-range.js';
import type { BlockEvent } from './block-events.js';
import type { LeaseEvent } from './lease-events.js';
import type { ShardEvent, StreamEvent, TimedEvent } from './timed-event.js';

/** A page of records has been read. */
export interface PageReadEvent extends ShardEvent {
  readonly type: 'pageRead';
  /** The user records of the page, without those that were read before. */
  readonly records: number;
  /** The payload bytes that Kinesis sent, before KPL aggregates are taken apart. */
  readonly bytes: number;
  /** How far behind the newest record the page ends, in ms. */
  readonly millisBehindLatest: number;
  /** Whether blocks of the shard are being worked on: not settled, or stored and not released. */
  readonly hasOpenBlocks: boolean;
}

/** A shard's reader has waited for credit for some time: the work on blocks is slow, or an operator downstream waits for more of them. */
export interface ReaderPausedEvent extends ShardEvent {
  readonly type: 'readerPaused';
  /** Records that are delivered and not settled. */
  readonly records: number;
  /** Their payload bytes. */
  readonly bytes: number;
  /** For how long the reader has waited, in ms. */
  readonly pausedMs: number;
}

/** A reader that was told to have paused reads on. */
export interface ReaderResumedEvent extends ShardEvent {
  readonly type: 'readerResumed';
  /** For how long the reader has waited, in ms. */
  readonly pausedMs: number;
}

/** The rate at which a shard is read has changed, by what its pipeline has settled: with a `rateEstimator`. */
export interface RateChangedEvent extends ShardEvent {
  readonly type: 'rateChanged';
  /** The new rate, at most `maxRate`. */
  readonly recordsPerSecond: number;
  /** How many records a second of work the pipeline has settled since the last estimate. */
  readonly processedPerSecond: number;
  /** How long the last settled block waited behind others, in ms. */
  readonly waitedMs: number;
}

/** A call to Kinesis failed and will be made again. */
export interface ReadRetryEvent extends ShardEvent {
  readonly type: 'readRetry';
  /** `throttling`: the service asks to slow down; `transient`: a fault that passes; `iterator`: the iterator was too old. */
  readonly reason: 'throttling' | 'transient' | 'iterator';
  /** 1 for the first retry. */
  readonly attempt: number;
  /** The delay before the retry, in ms. */
  readonly delayMs: number;
  /** What the call failed with. */
  readonly error: unknown;
}

/** `fanOut` has registered its consumer, which the stream did not have. */
export interface ConsumerRegisteredEvent extends StreamEvent {
  readonly type: 'consumerRegistered';
  /** The name of the consumer. */
  readonly consumerName: string;
}

/** `fanOut` waits until its consumer is active. Emitted with each look at it. */
export interface ConsumerAwaitedEvent extends StreamEvent {
  readonly type: 'consumerAwaited';
  /** As Kinesis gives it: `CREATING`, `DELETING`. */
  readonly status: string;
  /** For how long it has been waited for, in ms. */
  readonly waitedMs: number;
}

/** `fanOut` has subscribed to a shard. */
export interface ShardSubscribedEvent extends ShardEvent {
  readonly type: 'shardSubscribed';
  /**
   * `started`: the first subscription; `expired`: Kinesis had ended the last one, as it does after five minutes; `failed`: the last one broke or was
   * silent; `paused`: the last one was ended for want of credit; `checked`: reading looks whether records were trimmed.
   */
  readonly reason: 'checked' | 'expired' | 'failed' | 'paused' | 'started';
}

/** `fanOut` cannot subscribe to a shard: its `fallback` reads the shard from here on. */
export interface ReaderFellBackEvent extends ShardEvent {
  readonly type: 'readerFellBack';
  /** Why it cannot. */
  readonly error: unknown;
}

/**
 * Pages of records are read as JSON although CBOR was asked for: the service, or a proxy before it, does not accept CBOR. Emitted once
 * for each client.
 */
export interface WireFallbackEvent extends TimedEvent {
  readonly type: 'wireFallback';
  /**
   * `content-type`: the answer to a request in CBOR was JSON; `refused`: it was an error that refuses CBOR; `not-understood`: it was
   * neither a page nor an error of the service, so CBOR is tried again from time to time; `not-encoded`: the client's own middlewares put
   * something into the request that this package cannot write as CBOR.
   */
  readonly reason: 'content-type' | 'not-encoded' | 'not-understood' | 'refused';
  /** The error of the call in CBOR. */
  readonly error?: unknown;
}

/** A record begins like an aggregate of the Kinesis Producer Library but cannot be opened: it is emitted as it is. */
export interface AggregateMalformedEvent extends ShardEvent {
  readonly type: 'aggregateMalformed';
  /** Where the record is. */
  readonly position: Position;
  /**
   * `checksum`: its MD5 is wrong; `message`: it is cut off or malformed; `key-index`: it names a key that it does not have; `hash-key`: it
   * has an explicit hash key that is not a number.
   */
  readonly reason: 'checksum' | 'hash-key' | 'key-index' | 'message';
}

/** The client takes several times longer for each page than it needs to. Emitted once for each client. */
export interface SlowClientEvent extends TimedEvent {
  readonly type: 'slowClient';
  /** What to give the client, and how much that saves. */
  readonly advice: string;
}

/** A call to the store failed and will be made again. */
export interface StoreRetryEvent extends ShardEvent {
  readonly type: 'storeRetry';
  /** `throttling`: the store asks to slow down; `transient`: a fault that passes; `iterator` does not occur here. */
  readonly reason: 'throttling' | 'transient' | 'iterator';
  /** 1 for the first retry. */
  readonly attempt: number;
  /** The delay before the retry, in ms. */
  readonly delayMs: number;
  /** What the call failed with. */
  readonly error: unknown;
}

/** The list of shards was read. */
export interface ShardsDiscoveredEvent extends StreamEvent {
  readonly type: 'shardsDiscovered';
  /** The ids of the shards not seen before. */
  readonly added: readonly string[];
  /** How many shards the list has. */
  readonly total: number;
}

/** The list of shards could not be read; the next discovery tries again. */
export interface DiscoveryFailedEvent extends StreamEvent {
  readonly type: 'discoveryFailed';
  /** `throttling`: Kinesis asks to slow down; `transient`: a fault that passes; `fatal`: one that does not pass by itself. */
  readonly reason: 'throttling' | 'transient' | 'fatal';
  /** What the call failed with. */
  readonly error: unknown;
}

/** Reading of a shard begins: its parents are done and, where leases are used, this worker holds its lease. */
export interface ShardStartedEvent extends ShardEvent {
  readonly type: 'shardStarted';
  /** The ids of its parents, as the list of shards has them. */
  readonly parentShardIds: readonly string[];
  /** Where the reading begins: a position, or the name of an iterator type. */
  readonly start: Position | string;
}

/** The reader has seen the end of a shard. */
export interface ShardEndReachedEvent extends ShardEvent {
  readonly type: 'shardEndReached';
}

/** This process has finished with a shard. */
export interface ShardReleasedEvent extends ShardEvent {
  readonly type: 'shardReleased';
  /**
   * `ended`: the shard is read to its end and settled; `stopped`: `stop` emitted, or the pipeline completed early, and its work is
   * drained; `lost`: another worker has the shard.
   */
  readonly reason: 'ended' | 'stopped' | 'lost';
}

/** `stop` has emitted: the shards complete, and their pipelines drain. */
export interface StoppingEvent extends StreamEvent {
  readonly type: 'stopping';
  /** The shards that are being read. */
  readonly shards: number;
  /** Their records that are delivered and not settled. */
  readonly records: number;
  /** The payload bytes of those. */
  readonly bytes: number;
}

/** After `stop`, all work is drained, all checkpoints are written, and all shards are released. */
export interface StoppedEvent extends StreamEvent {
  readonly type: 'stopped';
  /** How long that took, in ms. */
  readonly tookMs: number;
}

/** After `stop`, not all work was drained, written and released in time. */
export interface StopTimedOutEvent extends StreamEvent {
  readonly type: 'stopTimedOut';
  /** A `StopTimeoutError`, which names what is open. */
  readonly error: unknown;
}

/**
 * A stream errored by itself, and not by the work on a shard or a stop that took too long: its shards could not be listed at the start, its store refuses
 * it, or it is another stream than before. Nothing is read until it is subscribed again.
 */
export interface StreamFailedEvent extends StreamEvent {
  readonly type: 'streamFailed';
  /** What the stream errors with. */
  readonly error: unknown;
}

/** A shard's pipeline failed for good: it is not restarted. */
export interface ShardFailedEvent extends ShardEvent {
  readonly type: 'shardFailed';
  /** What the pipeline failed with. */
  readonly error: unknown;
}

/** A shard's pipeline failed and starts again: here, or with the next owner if it failed while it was handed over. */
export interface ShardRestartedEvent extends ShardEvent {
  readonly type: 'shardRestarted';
  /** How many errors there were within `restart.resetAfterMs`, this one included. */
  readonly attempt: number;
  /** The delay before the restart, in ms; 0 when another worker does it. */
  readonly delayMs: number;
  /** What the pipeline failed with. */
  readonly error: unknown;
}

/**
 * A shard's pipeline completed before the shard's end and without `stop` (`take`, `catchError(() => EMPTY)`): the shard is released, and
 * this subscription reads neither the shard nor its children again.
 */
export interface PipelineCompletedEvent extends ShardEvent {
  readonly type: 'pipelineCompleted';
  /** Records that are delivered and not settled. */
  readonly records: number;
}

/** A checkpoint is durable. */
export interface CheckpointWrittenEvent extends ShardEvent, Position {
  readonly type: 'checkpointWritten';
}

/**
 * A checkpoint could not be written; it is tried again. Only for a shard of blocks made by hand whose lease is lost this is the last word, with the
 * reason `fatal` and a `LeaseLostError`: the lost lease of a source's shard is told by `shardReleased`.
 */
export interface CheckpointFailedEvent extends ShardEvent, Position {
  readonly type: 'checkpointFailed';
  /** `throttling`: the store asks to slow down; `transient`: a fault that passes; `fatal`: one that does not pass by itself. */
  readonly reason: 'throttling' | 'transient' | 'fatal';
  /** What the write failed with. */
  readonly error: unknown;
}

/** A tick of `checkpointEvery` wrote nothing, although blocks have been settled. */
export interface CheckpointSkippedEvent extends ShardEvent {
  readonly type: 'checkpointSkipped';
  /** `writing`: the write before is still under way; `held`: a block that is not settled holds the watermark. */
  readonly reason: 'writing' | 'held';
}

/** Later blocks are settled, but this one is not: it was dropped, or its work hangs. The checkpoint stays before it. Or the block is stored, and `releaseBlocks` has not seen it. */
export interface WatermarkHeldEvent extends ShardEvent {
  readonly type: 'watermarkHeld';
  /** The ranges of the block that holds the watermark. */
  readonly ranges: readonly SequenceNumberRange[];
  /** For how long the block has been seen to hold the watermark, in ms; 0 when the stream completed with the block unsettled. */
  readonly heldMs: number;
}

/**
 * A block that was told to hold the watermark at a tick of `checkpointEvery` does so no more: it is settled, or it comes again. After `shardRestarted` and
 * `shardReleased`, and for a stored block, there is no such event.
 */
export interface WatermarkFreedEvent extends ShardEvent {
  readonly type: 'watermarkFreed';
  /** The ranges of the block. */
  readonly ranges: readonly SequenceNumberRange[];
  /** For how long the block has been seen to hold the watermark, in ms. */
  readonly heldMs: number;
}

/** `recoverFrom` recovers from a failure upstream: it re-reads what was lost of the shard, then the shard's reading resumes. */
export interface RecoveryStartedEvent extends ShardEvent {
  readonly type: 'recoveryStarted';
  /** The ranges of the shard that were lost; none when everything had passed `recoverFrom`. */
  readonly ranges: readonly SequenceNumberRange[];
  /** The failure upstream. */
  readonly error: unknown;
}

/** `recoverFrom` has re-emitted what was lost of the shard. */
export interface RecoveredEvent extends ShardEvent {
  readonly type: 'recovered';
  /** How many ranges were re-read. */
  readonly ranges: number;
  /** How many records these ranges gave. */
  readonly records: number;
}

/** Kinesis no longer holds records that should be there, and `onGap` says to continue without them. */
export interface GapEvent extends ShardEvent {
  readonly type: 'gap';
  /** The last position known to be good, or the first missing one. */
  readonly from: Position;
  /** The first record that is there, where one is. */
  readonly firstAvailable?: Position;
}

/** All events; `type` distinguishes them. No event has a payload or a partition key. */
export type KinesisEvent =
  | AggregateMalformedEvent
  | BlockEvent
  | CheckpointFailedEvent
  | CheckpointSkippedEvent
  | CheckpointWrittenEvent
  | ConsumerAwaitedEvent
  | ConsumerRegisteredEvent
  | DiscoveryFailedEvent
  | GapEvent
  | LeaseEvent
  | PageReadEvent
  | PipelineCompletedEvent
  | RateChangedEvent
  | ReadRetryEvent
  | ReaderFellBackEvent
  | ReaderPausedEvent
  | ReaderResumedEvent
  | RecoveredEvent
  | RecoveryStartedEvent
  | ShardEndReachedEvent
  | ShardFailedEvent
  | ShardReleasedEvent
  | ShardRestartedEvent
  | ShardStartedEvent
  | ShardSubscribedEvent
  | ShardsDiscoveredEvent
  | SlowClientEvent
  | StopTimedOutEvent
  | StoppedEvent
  | StoppingEvent
  | StoreRetryEvent
  | StreamFailedEvent
  | WatermarkFreedEvent
  | WatermarkHeldEvent
  | WireFallbackEvent;

/** Events before `at` is added. */
export type WithoutTime<Event> = Event extends unknown ? Omit<Event, 'at'> : never;

/** An event before `at` is added. */
export type UntimedEvent = WithoutTime<KinesisEvent>;

/** Takes events. */
export type EventSink = (event: UntimedEvent) => void;

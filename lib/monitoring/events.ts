import type { Position } from '../values/position.js';
import type { SequenceNumberRange } from '../values/sequence-range.js';
import type { LeaseEvent } from './lease-events.js';
import type { TimedEvent } from './timed-event.js';

/** What every event of a source says. */
export interface StreamEvent extends TimedEvent {
  readonly streamName: string;
}

/** Which shard an event is about. */
export interface ShardEvent extends StreamEvent {
  readonly shardId: string;
}

/** A page of records has been read. */
export interface PageReadEvent extends ShardEvent {
  readonly type: 'pageRead';
  /** Records to deliver: the user records of KPL aggregates each, without those that are known already. */
  readonly records: number;
  /** The payload bytes that Kinesis sent, aggregates as they are. */
  readonly bytes: number;
  /** How far behind the newest record the page ends, in ms. */
  readonly millisBehindLatest: number;
  /** Whether blocks of the shard are being worked on: not settled, or stored and not released. */
  readonly hasOpenBlocks: boolean;
}

/** A shard's reader has waited for credit for some time: blocks are worked on slowly, or something behind them waits for more. */
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

/** A call to Kinesis failed and will be made again. */
export interface ReadRetryEvent extends ShardEvent {
  readonly type: 'readRetry';
  /** `throttling`: the service asks to slow down; `transient`: a fault that passes; `iterator`: the iterator was too old. */
  readonly reason: 'throttling' | 'transient' | 'iterator';
  /** 1 for the first retry. */
  readonly attempt: number;
  /** How long it waits before that, in ms. */
  readonly delayMs: number;
  readonly error: unknown;
}

/**
 * Pages of records are read as JSON, though CBOR was asked for: the service, or what stands between, does not take it. Once a
 * client.
 */
export interface WireFallbackEvent extends TimedEvent {
  readonly type: 'wireFallback';
  /**
   * `content-type`: CBOR was answered in JSON; `refused`: with an error that says so; `not-understood`: with what is neither a
   * page nor an error of the service, so CBOR is tried again from time to time; `not-encoded`: the client's own middlewares put
   * something into the request that is not written as CBOR here.
   */
  readonly reason: 'content-type' | 'not-encoded' | 'not-understood' | 'refused';
  /** What the call in CBOR failed with. */
  readonly error?: unknown;
}

/** The client is one that takes several times as long for each page as it needs to. Once a client. */
export interface SlowClientEvent extends TimedEvent {
  readonly type: 'slowClient';
  /** What to give it, and what that saves. */
  readonly advice: string;
}

/** A call to the store failed and will be made again. */
export interface StoreRetryEvent extends ShardEvent {
  readonly type: 'storeRetry';
  /** `throttling`: the store asks to slow down; `transient`: a fault that passes. */
  readonly reason: 'throttling' | 'transient' | 'iterator';
  /** 1 for the first retry. */
  readonly attempt: number;
  /** How long it waits before that, in ms. */
  readonly delayMs: number;
  readonly error: unknown;
}

/** The list of shards was read. */
export interface ShardsDiscoveredEvent extends StreamEvent {
  readonly type: 'shardsDiscovered';
  /** The ids of the shards not seen before. */
  readonly added: readonly string[];
  /** How many shards are in view. */
  readonly total: number;
}

/** The list of shards could not be read; the next discovery tries again. */
export interface DiscoveryFailedEvent extends StreamEvent {
  readonly type: 'discoveryFailed';
  /** `throttling`: Kinesis asks to slow down; `transient`: a fault that passes; `fatal`: one that does not pass by itself. */
  readonly reason: 'throttling' | 'transient' | 'fatal';
  readonly error: unknown;
}

/** A shard may be read now: its parents are done and, where leases are used, it is taken. */
export interface ShardStartedEvent extends ShardEvent {
  readonly type: 'shardStarted';
  readonly parentShardIds: readonly string[];
  /** Where the reading begins: a position, or the words of an iterator type. */
  readonly start: Position | string;
}

/** The reader has seen the end of a shard. */
export interface ShardEndReachedEvent extends ShardEvent {
  readonly type: 'shardEndReached';
}

/** A shard's life here is over. */
export interface ShardReleasedEvent extends ShardEvent {
  readonly type: 'shardReleased';
  /** `ended`: read to its end and settled; `stopped`: `stop` fired, or its pipeline completed early, and its work is drained; `lost`: another worker has it. */
  readonly reason: 'ended' | 'stopped' | 'lost';
}

/** `stop` has fired: shards complete, pipelines drain. */
export interface StoppingEvent extends StreamEvent {
  readonly type: 'stopping';
  /** The shards that are being read. */
  readonly shards: number;
  /** Their records that are delivered and not settled. */
  readonly records: number;
  /** The payload bytes of those. */
  readonly bytes: number;
}

/** After `stop`, everything is drained, written and released. */
export interface StoppedEvent extends StreamEvent {
  readonly type: 'stopped';
  /** How long that took, in ms. */
  readonly tookMs: number;
}

/** After `stop`, not everything was drained, written and released in time. */
export interface StopTimedOutEvent extends StreamEvent {
  readonly type: 'stopTimedOut';
  /** A `StopTimeoutError`, which names what is open. */
  readonly error: unknown;
}

/** A shard's pipeline failed for good: it is not restarted. */
export interface ShardFailedEvent extends ShardEvent {
  readonly type: 'shardFailed';
  readonly error: unknown;
}

/** A shard's pipeline failed and starts again. */
export interface ShardRestartedEvent extends ShardEvent {
  readonly type: 'shardRestarted';
  /** How many errors there were within `restart.resetAfterMs`, this one among them. */
  readonly attempt: number;
  /** How long it waits before that, in ms. */
  readonly delayMs: number;
  readonly error: unknown;
}

/**
 * A shard's pipeline completed before the shard's end and without `stop` (`take`, `catchError(() => EMPTY)`): the shard is released and is not
 * read again in this subscription, nor are its children.
 */
export interface PipelineCompletedEvent extends ShardEvent {
  readonly type: 'pipelineCompleted';
  /** Records that are delivered and not settled. */
  readonly records: number;
}

/** A block was made: its part of this shard is worked on from here on. */
export interface BlockOpenedEvent extends ShardEvent {
  readonly type: 'blockOpened';
  /** Its records of this shard. */
  readonly records: number;
  /** Their payload bytes. */
  readonly bytes: number;
}

/** `storeBlocks` has put a block into its store. */
export interface BlockStoredEvent extends ShardEvent {
  readonly type: 'blockStored';
  readonly blockId: string;
  readonly records: number;
}

/** A block is not there any more: its store has lost it, or what failed above `recoverFrom` took it along. It is read again. */
export interface BlockLostEvent extends ShardEvent {
  readonly type: 'blockLost';
  readonly blockId: string;
  readonly records: number;
}

/** A lost block has been read again, and is complete. */
export interface BlockRecoveredEvent extends ShardEvent {
  readonly type: 'blockRecovered';
  readonly blockId: string;
  readonly records: number;
}

/** A block has come to `checkpointEvery`: its part of this shard is settled. */
export interface BlockSettledEvent extends ShardEvent {
  readonly type: 'blockSettled';
  /** Its records of this shard. */
  readonly records: number;
  /** Their payload bytes. */
  readonly bytes: number;
  /** How long ago Kinesis took the last of them, in ms; `undefined` where Kinesis did not say when. */
  readonly lagMs?: number | undefined;
  /** Whether other blocks of the shard are being worked on: not settled, or stored and not released. */
  readonly hasOpenBlocks: boolean;
}

/** A checkpoint is durable. */
export interface CheckpointWrittenEvent extends ShardEvent, Position {
  readonly type: 'checkpointWritten';
}

/** A checkpoint could not be written; it is tried again. */
export interface CheckpointFailedEvent extends ShardEvent, Position {
  readonly type: 'checkpointFailed';
  /** `throttling`: the store asks to slow down; `transient`: a fault that passes; `fatal`: one that does not pass by itself. */
  readonly reason: 'throttling' | 'transient' | 'fatal';
  readonly error: unknown;
}

/** A tick of `checkpointEvery` that wrote nothing, although blocks have been settled. */
export interface CheckpointSkippedEvent extends ShardEvent {
  readonly type: 'checkpointSkipped';
  /** `writing`: the write before is still under way; `held`: a block that is not settled holds the watermark. */
  readonly reason: 'writing' | 'held';
}

/** Blocks behind this one are settled, but it is not: it was dropped, or its work hangs. The checkpoint stays before it. */
export interface WatermarkHeldEvent extends ShardEvent {
  readonly type: 'watermarkHeld';
  /** The ranges of the block that holds the watermark. */
  readonly ranges: readonly SequenceNumberRange[];
  /** For how long it has been seen to hold it, in ms; 0 when the stream ended with the block unsettled. */
  readonly heldMs: number;
}

/** A failure above `recoverFrom` is recovered from: what was lost of the shard is read again, then its reading resumes. */
export interface RecoveryStartedEvent extends ShardEvent {
  readonly type: 'recoveryStarted';
  /** What of the shard was lost: none where all had passed. */
  readonly ranges: readonly SequenceNumberRange[];
  readonly error: unknown;
}

/** What was lost of the shard has been emitted again. */
export interface RecoveredEvent extends ShardEvent {
  readonly type: 'recovered';
  /** How many ranges were read again. */
  readonly ranges: number;
  /** How many records came of them. */
  readonly records: number;
}

/** Records that should be there are not: Kinesis no longer holds them, and `onGap` says to go on. */
export interface GapEvent extends ShardEvent {
  readonly type: 'gap';
  /** The last position known to be good, or the first missing one. */
  readonly from: Position;
  /** The first record that is there, where one is. */
  readonly firstAvailable?: Position;
}

/** A block store did not do what it was asked; another copy, or Kinesis, may stand in for it. */
export interface BlockStoreFailedEvent extends TimedEvent {
  readonly type: 'blockStoreFailed';
  readonly action: 'put' | 'get' | 'delete' | 'list';
  /** The block, unless it was about all of them. */
  readonly blockId?: string;
  readonly error: unknown;
}

/** Everything noteworthy, told apart by `type`. No event carries a payload or a partition key. */
export type KinesisEvent =
  | BlockLostEvent
  | BlockOpenedEvent
  | BlockRecoveredEvent
  | BlockSettledEvent
  | BlockStoreFailedEvent
  | BlockStoredEvent
  | CheckpointFailedEvent
  | CheckpointSkippedEvent
  | CheckpointWrittenEvent
  | DiscoveryFailedEvent
  | GapEvent
  | LeaseEvent
  | PageReadEvent
  | PipelineCompletedEvent
  | ReadRetryEvent
  | ReaderPausedEvent
  | ReaderResumedEvent
  | RecoveredEvent
  | RecoveryStartedEvent
  | ShardEndReachedEvent
  | ShardFailedEvent
  | ShardReleasedEvent
  | ShardRestartedEvent
  | ShardStartedEvent
  | ShardsDiscoveredEvent
  | SlowClientEvent
  | StopTimedOutEvent
  | StoppedEvent
  | StoppingEvent
  | StoreRetryEvent
  | WatermarkHeldEvent
  | WireFallbackEvent;

/** Events as they are told, before it is known when. */
export type WithoutTime<Event> = Event extends unknown ? Omit<Event, 'at'> : never;

/** An event as it is told, before it is known when. */
export type UntimedEvent = WithoutTime<KinesisEvent>;

/** Takes events. */
export type EventSink = (event: UntimedEvent) => void;

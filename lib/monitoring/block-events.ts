import type { ShardEvent, TimedEvent } from './timed-event.js';

/** A block was made of records of this shard; its work begins. */
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
  /** The id of the block. */
  readonly blockId: string;
  /** Its records of this shard. */
  readonly records: number;
}

/** A block is lost: its store has no copy of it, or a failure upstream of `recoverFrom` has lost it. It is re-read. */
export interface BlockLostEvent extends ShardEvent {
  readonly type: 'blockLost';
  /** The id of the block. */
  readonly blockId: string;
  /** Its records. */
  readonly records: number;
}

/** A lost block has been re-read, and is complete. */
export interface BlockRecoveredEvent extends ShardEvent {
  readonly type: 'blockRecovered';
  /** The id of the block. */
  readonly blockId: string;
  /** Its records. */
  readonly records: number;
}

/** The handler of `processBlocks` has failed, and is called again: with the same records or, with `bisectOnError`, with half of them. */
export interface BlockRetryEvent extends ShardEvent {
  readonly type: 'blockRetry';
  /** The id of the block, or of the part of it that failed. */
  readonly blockId: string;
  /** Its records of this shard. */
  readonly records: number;
  /** How often the handler was called with them, also together with others: 1 at the first failure. */
  readonly attempt: number;
  /** The delay before the next call, in ms. */
  readonly delayMs: number;
  /** What the handler failed with. */
  readonly error: unknown;
}

/** `processBlocks` gives records up: `onFailure` is called with them. */
export interface BlockFailedEvent extends ShardEvent {
  readonly type: 'blockFailed';
  /** The id of the block, or of the part of it that failed. */
  readonly blockId: string;
  /** Its records of this shard. */
  readonly records: number;
  /** `error`: the handler failed with them as often as it may; `age`: they are older than `maxRecordAgeMs`. */
  readonly reason: 'age' | 'error';
  /** How often the handler was called with them, also together with others. */
  readonly attempts: number;
  /** What the last of these calls failed with; absent if there was none. */
  readonly error?: unknown;
}

/** A block has reached `checkpointEvery`, so its records of this shard are settled. */
export interface BlockSettledEvent extends ShardEvent {
  readonly type: 'blockSettled';
  /** Its records of this shard. */
  readonly records: number;
  /** Their payload bytes. */
  readonly bytes: number;
  /** How long ago Kinesis received the last of them, in ms; `undefined` where Kinesis did not say when. */
  readonly lagMs?: number | undefined;
  /** Whether other blocks of the shard are being worked on: not settled, or stored and not released. */
  readonly hasOpenBlocks: boolean;
}

/** A call to a block store failed; another copy, or Kinesis, may replace it. */
export interface BlockStoreFailedEvent extends TimedEvent {
  readonly type: 'blockStoreFailed';
  /** The call that failed. */
  readonly action: 'put' | 'get' | 'delete' | 'list';
  /** The id of the block; absent for `list`. */
  readonly blockId?: string;
  /** What the call failed with. */
  readonly error: unknown;
}

/** The events of blocks. */
export type BlockEvent =
  | BlockFailedEvent
  | BlockLostEvent
  | BlockOpenedEvent
  | BlockRecoveredEvent
  | BlockRetryEvent
  | BlockSettledEvent
  | BlockStoreFailedEvent
  | BlockStoredEvent;

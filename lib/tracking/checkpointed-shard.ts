import type { Observable } from 'rxjs';
import type { UntimedEvent } from '../monitoring/events.js';
import type { ShardName } from '../values/shard-id.js';
import type { Checkpointer } from './checkpointer.js';

/**
 * What `checkpointEvery` needs of a shard whose blocks pass it.
 *
 * @remarks
 * A shard of a source is a `TrackedShard`, that of blocks made by hand a `HandMadeShard`. Only the source imports the first one, with the
 * ledger and all that belongs to it, so that a bundle of operators leaves it out. What is optional here only a ledger has: blocks made by hand hold
 * nothing, and one that never arrives is not known.
 */
export interface CheckpointedShard {
  readonly checkpointer: Checkpointer;
  /** Emits when a stored block is released: a checkpoint then says something else, although nothing is settled. */
  readonly releases$?: Observable<unknown>;
  /** Whether nothing more will come to be written: the shard is finished, or another worker has it. */
  readonly isOver: boolean;
  /** Whether an open block holds the watermark although a later one is settled. */
  readonly isHeld?: boolean;
  /**
   * Makes a function to call at each tick with the time in ms: reports, once, a block that has held the watermark since the call before.
   * It returns whether a block holds the watermark that was not there at the call before.
   */
  watchHeld?(): (nowMs: number) => boolean;
  /** Reports the blocks that are still open, since the source has completed: they were dropped. */
  reportDropped?(): void;
  /** Notes that nothing more will settle. */
  drain?(): void;
  /** Tells an event of this shard. */
  tell(event: OfShard): void;
}

/** An event of a shard, without its place. */
export type OfShard = WithoutPlace<Extract<UntimedEvent, ShardName>>;
type WithoutPlace<Event> = Event extends unknown ? Omit<Event, keyof ShardName> : never;

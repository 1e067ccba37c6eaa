import { NEVER, type SchedulerLike } from 'rxjs';
import type { Checkpoint, CheckpointStore } from '../checkpoints/checkpoint-store.js';
import type { EventSink } from '../monitoring/events.js';
import { barePosition, comparePositions, type Position } from '../values/position.js';
import type { ShardName } from '../values/shard-id.js';
import type { CheckpointedShard, OfShard } from './checkpointed-shard.js';
import { Checkpointer } from './checkpointer.js';

/** The parts of a {@link HandMadeShard}. */
export interface HandMadeShardOptions {
  readonly store: CheckpointStore;
  readonly notify: EventSink;
  readonly scheduler: SchedulerLike;
}

/**
 * The shard of blocks that were made by hand, of which no source knows: they settle in order of arrival, so a position is all its state.
 */
export class HandMadeShard implements CheckpointedShard {
  readonly checkpointer: Checkpointer;
  readonly releases$ = NEVER;
  readonly isHeld = false;
  /** Whether another worker has it. */
  isOver = false;
  readonly #name: ShardName;
  readonly #notify: EventSink;
  /** The end of the blocks that are settled. */
  #watermark: Position | undefined;

  constructor({ streamName, shardId }: ShardName, { store, notify, scheduler }: HandMadeShardOptions) {
    this.#name = { streamName, shardId };
    this.#notify = notify;
    const identity = { ...this.#name, parentShardIds: [] };
    this.checkpointer = new Checkpointer({
      store,
      notify,
      scheduler,
      requestTimeoutMs: REQUEST_TIMEOUT_MS,
      identity: () => identity,
      current: (): Checkpoint | undefined => (this.isOver || !this.#watermark ? undefined : { ...this.#name, ...this.#watermark }),
      lose: () => (this.isOver = true),
    });
  }

  /** Settles a block that ends at `end`; does nothing if a later one was settled before it. */
  settleThrough(end: Position): void {
    if (!this.#watermark || comparePositions(end, this.#watermark) > 0) this.#watermark = barePosition(end);
  }

  watchHeld(): () => boolean {
    return () => false;
  }

  reportDropped(): void {
    // A block that never arrives is not known here.
  }

  drain(): void {
    // Nobody waits for the end of its work.
  }

  tell(event: OfShard): void {
    this.#notify({ ...event, ...this.#name });
  }
}

/** How long a write may take without an answer, in ms: what sources take by default. */
const REQUEST_TIMEOUT_MS = 30_000;

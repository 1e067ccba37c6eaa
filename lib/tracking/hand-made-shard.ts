import type { SchedulerLike } from 'rxjs';
import type { Checkpoint, CheckpointStore } from '../checkpoints/checkpoint-store.js';
import { isLeaseLost } from '../checkpoints/errors.js';
import type { EventSink } from '../monitoring/events.js';
import { barePosition, comparePositions, type Position } from '../values/position.js';
import type { ShardName } from '../values/shard-id.js';
import type { CheckpointedShard, OfShard } from './checkpointed-shard.js';
import { Checkpointer } from './checkpointer.js';

/**
 * The shard of blocks that were made by hand, of which no source knows: they settle in order of arrival, so a position is all its state.
 */
export class HandMadeShard implements CheckpointedShard {
  readonly checkpointer: Checkpointer;
  readonly tell: (event: OfShard) => void;
  /** Whether another worker has it. */
  isOver = false;
  /** The end of the blocks that are settled. */
  #watermark: Position | undefined;

  constructor({ streamName, shardId }: ShardName, store: CheckpointStore, notify: EventSink, scheduler: SchedulerLike) {
    const name = { streamName, shardId };
    this.tell = (event) => notify({ ...event, ...name });
    this.checkpointer = new Checkpointer({
      store,
      notify,
      scheduler,
      requestTimeoutMs: REQUEST_TIMEOUT_MS,
      identity: () => ({ ...name, parentShardIds: [] }),
      current: (): Checkpoint | undefined => (this.isOver || !this.#watermark ? undefined : { ...name, ...this.#watermark }),
      reasonOf: (error) => (isLeaseLost(error) ? 'fatal' : 'transient'),
      lose: () => (this.isOver = true),
    });
  }

  /** Settles a block that ends at `end`; does nothing if a later one was settled before it. */
  settleThrough(end: Position): void {
    if (!this.#watermark || comparePositions(end, this.#watermark) > 0) this.#watermark = barePosition(end);
  }
}

/** How long a write may take without an answer, in ms: what sources take by default. */
const REQUEST_TIMEOUT_MS = 30_000;

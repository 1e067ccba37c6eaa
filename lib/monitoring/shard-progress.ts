import type { ShardName } from '../values/shard-id.js';
import type { KinesisEvent } from './events.js';

/** How far the work on one shard has come, as its events tell. */
export interface ShardProgress extends ShardName {
  /** Whether there is something to do: records that are read and not settled, or a shard that cannot be read on. */
  isWaiting: boolean;
  /** When something was last done, or nothing was left to do. */
  progressMs: number;
  /** Everything that arrived by then is settled, as far as is known. */
  doneThroughMs: number;
  /** When its last event came that says how far it has come. */
  seenMs: number;
  /** Whether its life here is over. */
  isReleased: boolean;
}

/**
 * The shards whose life here is not over, by their events.
 *
 * @remarks Pure. Memory: one small object a shard, until it is released or its stream has stopped.
 */
export class ShardsProgress {
  readonly #shards = new Map<string, ShardProgress>();

  /** The shards, in the order in which they were first heard of. */
  get all(): Iterable<ShardProgress> {
    return this.#shards.values();
  }

  /** Takes an event. Gives the shards that it is about; `undefined` where it says nothing of progress. */
  take(event: KinesisEvent, nowMs: number): readonly ShardProgress[] | undefined {
    switch (event.type) {
      case 'shardReleased':
        return this.#forget(({ streamName, shardId }) => streamName === event.streamName && shardId === event.shardId);
      case 'stopped':
      case 'stopTimedOut':
        return this.#forget(({ streamName }) => streamName === event.streamName);
      case 'pageRead':
      case 'blockOpened':
      case 'blockSettled':
      case 'checkpointWritten':
      case 'readRetry':
      case 'readerPaused':
      case 'shardStarted':
      case 'shardRestarted':
      case 'shardFailed': {
        const shard = this.#shardOf(event, nowMs);
        note(shard, event, nowMs);
        return [shard];
      }
      default:
        return undefined;
    }
  }

  #shardOf(event: ShardName, nowMs: number): ShardProgress {
    const key = keyOf(event);
    const known = this.#shards.get(key);
    if (known) return known;
    const { streamName, shardId } = event;
    const shard = { streamName, shardId, isWaiting: false, progressMs: nowMs, doneThroughMs: nowMs, seenMs: -Infinity, isReleased: false };
    this.#shards.set(key, shard);
    return shard;
  }

  #forget(isIt: (shard: ShardProgress) => boolean): ShardProgress[] {
    const gone = [...this.#shards.values()].filter(isIt);
    for (const shard of gone) {
      this.#shards.delete(keyOf(shard));
      shard.isWaiting = false;
      shard.isReleased = true;
    }
    return gone;
  }
}

/** Made for every event, and so as cheap as can be: no name of a stream has a slash. */
export function keyOf({ streamName, shardId }: ShardName): string {
  return `${streamName}/${shardId}`;
}

function note(shard: ShardProgress, event: KinesisEvent, nowMs: number): void {
  switch (event.type) {
    case 'blockSettled':
      shard.isWaiting = event.hasOpenBlocks;
      shard.progressMs = nowMs;
      shard.seenMs = nowMs;
      if (event.lagMs !== undefined) shard.doneThroughMs = nowMs - event.lagMs;
      return;
    case 'checkpointWritten':
      shard.progressMs = nowMs;
      return;
    case 'pageRead':
      if (event.records === 0 && event.millisBehindLatest === 0 && !event.hasOpenBlocks) {
        // The shard has nothing that is not settled.
        shard.isWaiting = false;
        shard.progressMs = nowMs;
        shard.seenMs = nowMs;
        shard.doneThroughMs = nowMs;
      } else shard.isWaiting ||= event.records > 0 || event.millisBehindLatest > 0 || event.hasOpenBlocks;
      return;
    default:
      // A shard that is to be read, or cannot be, may have records that wait.
      shard.isWaiting = true;
  }
}

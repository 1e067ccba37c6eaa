import type { ShardName } from '../values/shard-id.js';
import { ByShard } from './by-shard.js';
import type { KinesisEvent, PageReadEvent } from './events.js';

/** How far the work on one shard has come, as its events tell. */
export interface ShardProgress extends ShardName {
  /** Whether there is something to do: records that are read and not settled, newer ones that are not read, or a shard that cannot be read on. */
  isWaiting: boolean;
  /** Whether the last page ended before the newest record. */
  isBehind: boolean;
  /** Whether blocks are being worked on. */
  hasOpenBlocks: boolean;
  /** How near pages without records have come to the newest record since the last block was settled or nothing was left to do, in ms. */
  nearestMs: number;
  /** When something was last done, or nothing was left to do. */
  progressMs: number;
  /** Everything that arrived by then is settled, as far as is known. */
  doneThroughMs: number;
  /** When its last event came that says how far it has come. */
  seenMs: number;
}

/**
 * The shards whose life here is not over, by their events.
 *
 * @remarks Pure. Memory: one small object a shard, until it is released or its stream has stopped.
 */
export class ShardsProgress {
  readonly #shards = new ByShard<ShardProgress>();

  /** The shards, in the order in which they were first heard of. */
  get all(): Iterable<ShardProgress> {
    return this.#shards.values();
  }

  /** Takes an event. Gives the shard that it is about; `undefined` where it says nothing of progress. @param now - asked only where it does. */
  take(event: KinesisEvent, now: () => { readonly ms: number }): ShardProgress | undefined {
    switch (event.type) {
      case 'checkpointWritten': {
        // The outcome of a write that was under way when the shard was released is not the beginning of another life.
        const shard = this.#shards.get(event);
        if (shard) note(shard, event, now().ms);
        return shard;
      }
      case 'pageRead':
      case 'blockOpened':
      case 'blockRetry':
      case 'blockSettled':
      case 'readRetry':
      case 'readerPaused':
      case 'shardStarted':
      case 'shardRestarted':
      case 'shardFailed': {
        const { ms } = now();
        const shard = this.#shardOf(event, ms);
        note(shard, event, ms);
        return shard;
      }
      default:
        return undefined;
    }
  }

  /** Forgets the shards whose life here is over by this event; gives them. */
  forget(event: KinesisEvent): readonly ShardProgress[] {
    switch (event.type) {
      case 'shardReleased': {
        const shard = this.#shards.get(event);
        if (shard) this.#shards.delete(shard);
        return shard ? [shard] : NONE;
      }
      case 'stopped':
      case 'stopTimedOut':
      case 'streamFailed': {
        const gone = [...this.#shards.values()].filter(({ streamName }) => streamName === event.streamName);
        for (const shard of gone) this.#shards.delete(shard);
        return gone;
      }
      default:
        return NONE;
    }
  }

  #shardOf(event: ShardName, nowMs: number): ShardProgress {
    const known = this.#shards.get(event);
    if (known) return known;
    const { streamName, shardId } = event;
    const state = { isWaiting: false, isBehind: false, hasOpenBlocks: false, nearestMs: Infinity };
    const shard = { streamName, shardId, ...state, progressMs: nowMs, doneThroughMs: nowMs, seenMs: -Infinity };
    this.#shards.set(event, shard);
    return shard;
  }
}

const NONE: readonly ShardProgress[] = [];

function note(shard: ShardProgress, event: KinesisEvent, nowMs: number): void {
  switch (event.type) {
    case 'blockOpened':
      shard.isWaiting = true;
      shard.hasOpenBlocks = true;
      return;
    case 'blockSettled':
      shard.isWaiting = event.hasOpenBlocks || shard.isBehind;
      shard.hasOpenBlocks = event.hasOpenBlocks;
      shard.nearestMs = Infinity;
      shard.progressMs = nowMs;
      shard.seenMs = nowMs;
      if (event.lagMs !== undefined) shard.doneThroughMs = nowMs - event.lagMs;
      return;
    case 'checkpointWritten':
      shard.progressMs = nowMs;
      return;
    case 'pageRead':
      notePage(shard, event, nowMs);
      return;
    default:
      // A shard that is to be read, or cannot be, may have records that wait.
      shard.isWaiting = true;
  }
}

function notePage(shard: ShardProgress, { records, millisBehindLatest, hasOpenBlocks }: PageReadEvent, nowMs: number): void {
  shard.isBehind = millisBehindLatest > 0;
  shard.hasOpenBlocks = hasOpenBlocks;
  const isEmpty = records === 0 && !hasOpenBlocks;
  if (isEmpty && !shard.isBehind) {
    // The shard has nothing that is not settled.
    shard.isWaiting = false;
    shard.nearestMs = Infinity;
    shard.progressMs = nowMs;
    shard.seenMs = nowMs;
    shard.doneThroughMs = nowMs;
    return;
  }
  shard.isWaiting ||= records > 0 || shard.isBehind || hasOpenBlocks;
  // Where a shard was quiet for long, many pages are empty. To come nearer to the newest record by them is all that is to do.
  if (!isEmpty || millisBehindLatest >= shard.nearestMs) return;
  shard.nearestMs = millisBehindLatest;
  shard.progressMs = nowMs;
}

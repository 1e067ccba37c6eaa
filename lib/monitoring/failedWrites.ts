import type { SchedulerLike } from 'rxjs';
import { shardKey } from '../values/shard-id.js';
import type { EventSink } from './events.js';

/**
 * What is heard of blocks made by hand, whose shards have no source that tells of them: that a checkpoint fails, at most once a minute for each
 * shard. Without the words for all other events, which would double what `checkpointEvery` weighs.
 */
export function failedWrites(scheduler: SchedulerLike): EventSink {
  const toldMs = new Map<string, number>();
  return (event) => {
    if (event.type !== 'checkpointFailed') return;
    const nowMs = scheduler.now();
    const lastMs = toldMs.get(shardKey(event)) ?? -Infinity;
    if (nowMs >= lastMs && nowMs - lastMs < QUIET_MS) return;
    toldMs.set(shardKey(event), nowMs);
    // A CheckpointError, which names the shard.
    console.warn(`rx-kinesis: ${(event.error as Error).message}, and is tried again [${event.type}]`);
  };
}

const QUIET_MS = 60_000;

import type { SchedulerLike } from 'rxjs';
import { shardKey } from '../values/shard-id.js';
import type { EventSink } from './events.js';
import { onceAMinute } from './onceAMinute.js';

/**
 * The sink without the option `events` for blocks made by hand, whose shards have no source that tells of them: it writes with `console.warn`
 * that a checkpoint fails. Without the words for all other events, which would double what `checkpointEvery` weighs.
 */
export function failedWrites(scheduler: SchedulerLike): EventSink {
  const heldBack = onceAMinute(scheduler);
  return (event) => {
    if (event.type !== 'checkpointFailed' || heldBack(shardKey(event)) === undefined) return;
    // A CheckpointError, which names the shard, or a LeaseLostError: only that one is not tried again.
    console.warn(`rx-kinesis: ${(event.error as Error).message}${event.reason === 'fatal' ? '' : ', and is tried again'} [${event.type}]`);
  };
}

import { positionToString, rangeToString } from '../values/sequence-range.js';
import type { UntimedEvent } from './events.js';
import { faultToString, oneLine, shownError } from './shown-error.js';

/** An event in one line for people: what happened, where, and what to look at. */
export function messageOf(event: UntimedEvent): string {
  const place = 'shardId' in event ? `${event.streamName}/${event.shardId}` : event.streamName;
  const fault = shownError(event);
  return oneLine(`${place}: ${whatHappened(event)}${fault ? `: ${faultToString(fault)}` : ''}`);
}

function whatHappened(event: UntimedEvent): string {
  switch (event.type) {
    case 'checkpointFailed':
      return `the checkpoint ${positionToString(event)} could not be written and is tried again`;
    case 'discoveryFailed':
      return 'the shards could not be listed, which is tried again';
    case 'gap':
      return `records are missing: Kinesis no longer holds those from ${positionToString(event.from)} on${untilOf(event)}`;
    case 'pipelineCompleted':
      return (
        "the pipeline completed before the shard's end and without stop (take, catchError(() => EMPTY)?): " +
        `the shard is not read on, nor are its children; ${event.records} records are not settled`
      );
    case 'readRetry':
      return retryOf(event, 'Kinesis');
    case 'storeRetry':
      return retryOf(event, 'the store');
    case 'readerPaused':
      return `reading has paused for ${event.pausedMs} ms, since ${event.records} records (${event.bytes} bytes) are not settled: is the work slow, or checkpointEvery missing?`;
    case 'recoveryStarted':
      return `what was lost (${event.ranges.length} ranges) is read again after a failure`;
    case 'shardFailed':
      return 'the pipeline failed for good';
    case 'shardReleased':
      return event.reason === 'lost' ? 'another worker has taken the shard' : `shard released (${event.reason})`;
    case 'shardRestarted':
      return `the pipeline failed and restarts in ${event.delayMs} ms (restart ${event.attempt})`;
    case 'stopTimedOut':
      return 'stop ran out of time';
    case 'watermarkHeld':
      return `the checkpoint is held by a block that was dropped or whose work hangs, for ${event.heldMs} ms: ${event.ranges.map(rangeToString).join(', ')}`;
    default:
      return event.type.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  }
}

function untilOf({ firstAvailable }: Extract<UntimedEvent, { type: 'gap' }>): string {
  return firstAvailable ? `; the next that is there is ${positionToString(firstAvailable)}` : '';
}

function retryOf({ reason, attempt, delayMs }: Extract<UntimedEvent, { type: 'readRetry' | 'storeRetry' }>, of: string): string {
  return `a call to ${of} ${reason === 'throttling' ? 'was throttled' : 'failed'} and is made again in ${delayMs} ms (retry ${attempt})`;
}

import { isRxKinesisError } from '../values/errors.js';
import { positionToString, rangeToString } from '../values/sequence-range.js';
import type { UntimedEvent } from './events.js';
import { faultToString, oneLine, shownError } from './shown-error.js';

/** Describes an event in one line for people: what happened, where, and what to check. */
export function messageOf(event: UntimedEvent): string {
  const fault = shownError(event);
  return oneLine(`${placeOf(event)}: ${whatHappened(event)}${fault ? `: ${faultToString(fault)}` : ''}`);
}

/** Where an event happened: its stream or its worker, and its shard or its block, as far as the event has them. */
export function placeOf(event: UntimedEvent): string {
  const { streamName, workerId, shardId, blockId } = event as Partial<Record<'blockId' | 'shardId' | 'streamName' | 'workerId', string>>;
  return (
    [streamName ?? workerId, shardId ?? blockId].filter((name) => name !== undefined).join('/') ||
    (event.type === 'hashKeysUncovered' ? 'all shards' : 'the client')
  );
}

function whatHappened(event: UntimedEvent): string {
  const tell = SENTENCES[event.type] as ((event: UntimedEvent) => string) | undefined;
  return tell ? tell(event) : event.type.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

/** The sentences of the events whose type alone does not say enough. */
const SENTENCES: { readonly [Type in UntimedEvent['type']]?: (event: Extract<UntimedEvent, { type: Type }>) => string } = {
  aggregateMalformed: ({ position, reason }) =>
    `the record at ${positionToString(position)} begins like a KPL aggregate but cannot be opened (${reason}): it is emitted as it is`,
  allLeasesLost: () => 'this worker has lost every lease that it held; it goes on trying',
  blockFailed: ({ blockId, reason, attempts }) =>
    reason === 'age'
      ? `block ${blockId} is too old for the work, and given up`
      : `the work on block ${blockId} failed in all ${attempts} calls, and the block is given up`,
  blockLost: ({ records }) => `a block of ${records} records is lost, by its store or above recoverFrom: it is read again`,
  blockRetry: ({ blockId, delayMs, attempt }) => `the work on block ${blockId} failed (call ${attempt}) and is done again in ${delayMs} ms`,
  blockStoreFailed: ({ action }) => `a store of blocks failed: ${action}`,
  checkpointFailed: (event) =>
    `the checkpoint ${positionToString(event)} could not be written and is ` +
    (isRxKinesisError(event.error) && event.error.code === 'LEASE_LOST'
      ? 'not tried again, nor is a later one of this shard'
      : 'tried again'),
  consumerAwaited: ({ status, waitedMs }) => `waits for its consumer, which is ${status}, for ${waitedMs} ms so far`,
  consumerRegistered: ({ consumerName }) => `the consumer ${consumerName} is registered`,
  discoveryFailed: () => 'the shards could not be listed, which is tried again',
  gap: (event) => `records are missing: Kinesis no longer holds those from ${positionToString(event.from)} on${untilOf(event)}`,
  hashKeysUncovered: ({ holes }) => `no lease is there for some hash keys (${holes.length} gaps): their records are read by nobody`,
  leaseLost: ({ reason, heldMs }) =>
    `the lease is lost after ${heldMs} ms (${reason})` +
    (reason === 'sameWorkerId' ? ': another process with the same workerId has taken it, and each process needs its own' : ''),
  leaseRenewedLate: ({ sinceMs }) => `the lease was renewed late, after ${sinceMs} ms: is the table slow, or this process busy?`,
  leaseRequestFailed: ({ action, attempt }) => `a request to the lease table failed and is made again (${action}, try ${attempt})`,
  leaseUnreadable: () => 'the row of the lease cannot be read, so nobody works on the shard',
  pipelineCompleted: ({ records }) =>
    "the pipeline completed before the shard's end and without stop (take, catchError(() => EMPTY)?): " +
    `the shard is not read on, nor are its children; ${records} records are not settled`,
  rateChanged: ({ recordsPerSecond, processedPerSecond }) =>
    `is read with ${recordsPerSecond} records a second: its pipeline does ${processedPerSecond}`,
  readRetry: (event) => retryOf(event, 'Kinesis'),
  readerFellBack: () => 'fan-out cannot subscribe to the shard, so its fallback reads it',
  readerPaused: ({ pausedMs, records, bytes }) =>
    `reading has paused for ${pausedMs} ms, since ${records} records (${bytes} bytes) are not settled: is the work slow, or checkpointEvery missing?`,
  readerResumed: ({ pausedMs }) => `reading goes on after ${pausedMs} ms`,
  recoveryStarted: ({ ranges, error }) =>
    `what was lost (${ranges.length} ranges) is read again after a failure` +
    (isRxKinesisError(error) ? '' : ' of an operator above recoverFrom, and does not pass it: if that is your work, put it below'),
  shardFailed: () => 'the pipeline failed for good',
  shardReleased: ({ reason }) =>
    reason === 'lost' ? 'the lease is lost, so the work on the shard ends here' : `shard released (${reason})`,
  shardRestarted: ({ delayMs, attempt }) => `the pipeline failed and restarts in ${delayMs} ms (restart ${attempt})`,
  shardSubscribed: ({ reason }) => `subscribed (${reason})`,
  slowClient: ({ advice }) => `is slow: ${advice}`,
  stopTimedOut: () => 'stop ran out of time',
  storeRetry: (event) => retryOf(event, 'the store'),
  streamFailed: () => 'the stream failed for good: nothing is read until it is subscribed again',
  wireFallback: ({ reason }) => `pages are read as JSON, though CBOR was asked for (${reason})`,
  watermarkFreed: ({ heldMs, ranges }) => `the checkpoint is held no more, after ${heldMs} ms: ${ranges.map(rangeToString).join(', ')}`,
  watermarkHeld: ({ heldMs, ranges }) =>
    `the checkpoint is held by a block that was dropped, whose work hangs or that releaseBlocks does not see, for ${heldMs} ms: ${ranges.map(rangeToString).join(', ')}`,
};

function untilOf({ firstAvailable }: Extract<UntimedEvent, { type: 'gap' }>): string {
  return firstAvailable ? `; the next that is there is ${positionToString(firstAvailable)}` : '';
}

function retryOf({ reason, attempt, delayMs }: Extract<UntimedEvent, { type: 'readRetry' | 'storeRetry' }>, of: string): string {
  return `a call to ${of} ${reason === 'throttling' ? 'was throttled' : 'failed'} and is made again in ${delayMs} ms (retry ${attempt})`;
}

import { isRxKinesisError } from '../values/errors.js';
import type { UntimedEvent } from './events.js';

/**
 * How much an event matters to whoever runs the program. `error`: something is lost or has ended; `warn`: something is wrong but passes; `info`: a
 * step in a shard's life; `debug`: routine.
 */
export type EventLevel = 'error' | 'warn' | 'info' | 'debug';

/** The levels, from the one that matters most. */
export const EVENT_LEVELS: readonly EventLevel[] = ['error', 'warn', 'info', 'debug'];

/** The level of each type of event. */
export const LEVELS: Readonly<Record<UntimedEvent['type'], EventLevel>> = {
  aggregateMalformed: 'warn',
  allLeasesLost: 'error',
  blockFailed: 'error',
  blockLost: 'warn',
  blockOpened: 'debug',
  blockRecovered: 'info',
  blockRetry: 'warn',
  blockSettled: 'debug',
  blockStoreFailed: 'warn',
  blockStored: 'debug',
  checkpointFailed: 'warn',
  checkpointSkipped: 'debug',
  checkpointWritten: 'debug',
  consumerAwaited: 'info',
  consumerRegistered: 'info',
  discoveryFailed: 'warn',
  gap: 'error',
  hashKeysUncovered: 'error',
  leaseAsked: 'info',
  leaseFreed: 'info',
  leaseLost: 'warn',
  leaseReleased: 'info',
  leaseRenewed: 'debug',
  leaseRenewedLate: 'warn',
  leaseRequestFailed: 'warn',
  leaseRequested: 'info',
  leaseTaken: 'info',
  leaseUnreadable: 'error',
  leasesSeen: 'debug',
  pageRead: 'debug',
  pipelineCompleted: 'warn',
  readRetry: 'warn',
  rateChanged: 'debug',
  readerFellBack: 'warn',
  readerPaused: 'warn',
  readerResumed: 'info',
  recovered: 'info',
  recoveryStarted: 'warn',
  shardEndReached: 'info',
  shardFailed: 'error',
  shardReleased: 'info',
  shardRestarted: 'warn',
  shardStarted: 'info',
  shardSubscribed: 'debug',
  shardsDiscovered: 'info',
  slowClient: 'warn',
  stopTimedOut: 'error',
  stopped: 'info',
  stopping: 'info',
  storeRetry: 'warn',
  streamFailed: 'error',
  watermarkFreed: 'info',
  watermarkHeld: 'warn',
  wireFallback: 'warn',
};

/** The level of an event: that of its type, except for single events that matter more or less. */
export function levelOf(event: UntimedEvent): EventLevel {
  switch (event.type) {
    // The reader replaces an iterator that was too old, and nothing is wrong.
    case 'readRetry':
      return event.reason === 'iterator' ? 'debug' : LEVELS.readRetry;
    // An operator of the user has failed, and what is read again goes past it: where that is the work, its records are lost.
    case 'recoveryStarted':
      return isRxKinesisError(event.error) ? LEVELS.recoveryStarted : 'error';
    case 'shardReleased':
      return event.reason === 'lost' ? 'warn' : LEVELS.shardReleased;
    case 'shardsDiscovered':
      return event.added.length === 0 ? 'debug' : LEVELS.shardsDiscovered;
    default:
      return LEVELS[event.type];
  }
}

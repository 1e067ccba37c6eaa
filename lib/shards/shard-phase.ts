import type { EndKind } from '../internal/on-end.js';
import type { Outcome } from './shard-graph.js';
import type { Opened } from './open-shard.js';

/** Why a shard is released: read to its end and settled, stopped (or cut short) and drained, or taken by another worker. */
export type ReleaseReason = 'ended' | 'stopped' | 'lost';

/** Where a shard is in its life, up to its release. See the diagram in `shard-lifecycle.ts`. */
export type ShardPhase = 'waiting' | 'opening' | 'reading' | 'draining';

/** How the last subscription to a shard ended; `'none'` before the first, `'active'` while one lasts. */
export type SubscriptionState = 'none' | 'active' | EndKind;

/** Everything that decides on a shard's phase. */
export interface ShardFacts {
  /** Whether another worker has the shard. */
  readonly isLost: boolean;
  /** Whether `stop` has fired. */
  readonly isStopping: boolean;
  /** Whether the shard's pipeline completed before the shard's end and without `stop`: nobody reads it on. */
  readonly isCutShort: boolean;
  /** Whether the store is being asked where the shard stands. */
  readonly isOpening: boolean;
  /** Where the shard begins, or that there is nothing to read; `undefined` as long as it could not be opened. */
  readonly start: Opened['start'] | undefined;
  readonly subscription: SubscriptionState;
  /** Whether `recoverFrom` is about to subscribe again. */
  readonly resumes: boolean;
  /** Whether a pipeline runs that says when all its work is done. */
  readonly isSupervised: boolean;
  /** Whether the pipeline says that nothing more will settle. */
  readonly isDrained: boolean;
  /** Whether the reader has seen the shard's end. */
  readonly hasEnded: boolean;
  /** Whether everything delivered is settled. */
  readonly isSettled: boolean;
  /** Whether a block has ever been made of the shard's records. */
  readonly isTracked: boolean;
  /** Whether a block is being worked on. */
  readonly hasOpenEntries: boolean;
  /** Whether the shard came with a store. */
  readonly hasStore: boolean;
}

/**
 * The one decision on a shard's life: its phase, or the reason for which it is to be released. Lost before ended before stopped.
 *
 * @remarks Asked after every change of a fact. The spec of this file is its truth table.
 */
export function phaseOf(facts: ShardFacts): ShardPhase | ReleaseReason {
  const { isLost, isStopping, isCutShort, isOpening, start, hasEnded } = facts;
  if (isLost) return 'lost';
  if (isNothingToRead(start) || isFinished(facts) || isUnaccounted(facts)) return 'ended';
  if (isStopping) return isIdle(facts) ? 'stopped' : 'draining';
  if (isCutShort) return isWorkDone(facts) ? 'stopped' : 'draining';
  if (hasEnded) return 'draining';
  if (start) return 'reading';
  return isOpening ? 'opening' : 'waiting';
}

/** Whether the shard is to be released. */
export function isReleaseReason(phase: ShardPhase | ReleaseReason): phase is ReleaseReason {
  return phase === 'ended' || phase === 'stopped' || phase === 'lost';
}

/**
 * Whether, while stopping or cut short, all blocks are settled and not all records came into one: a filter behind the shard may have dropped
 * them. They are waited for a while, then the shard counts as stopped.
 */
export function waitsForUnclaimed({ isStopping, isCutShort, subscription, resumes, isSupervised, hasOpenEntries }: ShardFacts): boolean {
  const readsNoMore = (isStopping && subscription === 'complete') || isCutShort;
  return readsNoMore && !resumes && !isSupervised && !hasOpenEntries;
}

/** What the children of a released shard are told; nothing unless it has come to its end. */
export function outcomeOf(reason: ReleaseReason, opened: Pick<Opened, 'checkpoint' | 'start'> | undefined): Outcome | undefined {
  if (reason !== 'ended') return undefined;
  const { checkpoint, start } = opened ?? {};
  if (start === 'skipped') return 'skipped';
  const isFromHorizon = typeof start === 'object' && start.type === 'TRIM_HORIZON';
  return checkpoint || start === 'done' || isFromHorizon ? 'resumed' : 'read';
}

function isNothingToRead(start: ShardFacts['start']): boolean {
  return start === 'done' || start === 'skipped';
}

/** Whether the end is read, everything is settled, and no pipeline still runs: SHARD_END is earned. */
function isFinished({ hasEnded, isSettled, isSupervised }: ShardFacts): boolean {
  return hasEnded && isSettled && !isSupervised;
}

/** Whether the end is read and nobody keeps account of the work: no pipeline, no block, and no store to write it to. */
function isUnaccounted({ hasEnded, isTracked, isSupervised, hasStore }: ShardFacts): boolean {
  return hasEnded && !isTracked && !isSupervised && !hasStore;
}

/** Whether nothing more will settle: all is settled, the pipeline says that it is over, or it was torn down. */
function isIdle({ subscription, resumes, isSupervised, isDrained, isSettled, isTracked }: ShardFacts): boolean {
  if (subscription === 'active' || resumes || isSupervised) return false;
  return subscription !== 'complete' || isDrained || isSettled || !isTracked;
}

/** Whether what a pipeline that was cut short has left to others is settled. */
function isWorkDone({ resumes, isSupervised, isDrained, isSettled }: ShardFacts): boolean {
  return !resumes && !isSupervised && (isDrained || isSettled);
}

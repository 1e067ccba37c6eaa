import type { EndKind } from '../internal/on-end.js';
import type { Outcome } from './shard-graph.js';
import type { Opened } from './open-shard.js';

/** Why a shard is released: it is read to its end and settled, stopped (or cut short) and drained, or taken by another worker. */
export type ReleaseReason = 'ended' | 'stopped' | 'lost';

/** The phases of a shard's life before its release. See the diagram in `shard-lifecycle.ts`. */
export type ShardPhase = 'waiting' | 'opening' | 'reading' | 'draining';

/** How the last subscription to a shard ended; `'none'` before the first one, `'active'` during one. */
export type SubscriptionState = 'none' | 'active' | EndKind;

/** The facts that decide a shard's phase. */
export interface ShardFacts {
  /** Whether another worker has the shard. */
  readonly isLost: boolean;
  /** Whether `stop` has emitted. */
  readonly isStopping: boolean;
  /** Whether the shard's pipeline completed before the shard's end and without `stop`, so that nobody reads the rest. */
  readonly isCutShort: boolean;
  /** Whether the shard is being opened. */
  readonly isOpening: boolean;
  /** Where the shard begins, or that there is nothing to read; `undefined` until it is opened. */
  readonly start: Opened['start'] | undefined;
  readonly subscription: SubscriptionState;
  /** Whether `recoverFrom` is about to subscribe again. */
  readonly resumes: boolean;
  /** Whether a pipeline runs whose completion means that all its work is done. */
  readonly isSupervised: boolean;
  /** Whether nothing more will settle. */
  readonly isDrained: boolean;
  /** Whether blocks that an ended pipeline has passed on are still being worked on. */
  readonly hasWorkBehind: boolean;
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
 * Decides a shard's phase, or the reason for its release. Lost comes before ended, and ended before stopped.
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

/** Whether the shard must be released. */
export function isReleaseReason(phase: ShardPhase | ReleaseReason): phase is ReleaseReason {
  return phase === 'ended' || phase === 'stopped' || phase === 'lost';
}

/**
 * Whether the shard is stopping or cut short, all its blocks are settled, and some records are in no block: a filter may have dropped
 * them. The shard waits for them for a while, then it counts as stopped.
 */
export function waitsForUnclaimed({ isStopping, isCutShort, subscription, resumes, isSupervised, hasOpenEntries }: ShardFacts): boolean {
  const readsNoMore = (isStopping && subscription === 'complete') || isCutShort;
  return readsNoMore && !resumes && !isSupervised && !hasOpenEntries;
}

/** What the release comes to once the last checkpoints were tried: a lease may have been lost meanwhile, or a store may have refused SHARD_END. */
export function releasedAs(reason: ReleaseReason, { isLost, isWritten }: Readonly<Record<'isLost' | 'isWritten', boolean>>): ReleaseReason {
  if (isLost) return 'lost';
  return isWritten ? reason : 'stopped';
}

/**
 * How the shard came to its end, which decides where its children begin; `'left'` when its pipeline left it for good; `undefined` when it is
 * to be read on, here or elsewhere.
 */
export function outcomeOf(
  reason: ReleaseReason,
  { checkpoint, start, isCutShort }: Partial<Pick<Opened, 'checkpoint' | 'start'>> & Pick<ShardFacts, 'isCutShort'>,
): Outcome | 'left' | undefined {
  if (reason === 'stopped' && isCutShort) return 'left';
  if (reason !== 'ended') return undefined;
  if (start === 'skipped') return 'skipped';
  const isFromHorizon = typeof start === 'object' && start.type === 'TRIM_HORIZON';
  return checkpoint || start === 'done' || isFromHorizon ? 'resumed' : 'read';
}

function isNothingToRead(start: ShardFacts['start']): boolean {
  return start === 'done' || start === 'skipped';
}

/** Whether the end is read, everything is settled, and no pipeline runs, so that SHARD_END may be written. */
function isFinished({ hasEnded, isSettled, isSupervised }: ShardFacts): boolean {
  return hasEnded && isSettled && !isSupervised;
}

/** Whether the end is read and nothing tracks the work: there is no supervised pipeline, no block, and no store. */
function isUnaccounted({ hasEnded, isTracked, isSupervised, hasStore }: ShardFacts): boolean {
  return hasEnded && !isTracked && !isSupervised && !hasStore;
}

/** Whether nothing more will settle: everything is settled, the pipeline has completed, or it was torn down. */
function isIdle({ subscription, resumes, isSupervised, hasWorkBehind, isDrained, isSettled, isTracked }: ShardFacts): boolean {
  if (subscription === 'active' || resumes || isSupervised || hasWorkBehind) return false;
  return subscription !== 'complete' || isDrained || isSettled || !isTracked;
}

/** Whether the work that a cut-short pipeline has passed on downstream is settled. */
function isWorkDone({ resumes, isSupervised, isDrained, isSettled }: ShardFacts): boolean {
  return !resumes && !isSupervised && (isDrained || isSettled);
}

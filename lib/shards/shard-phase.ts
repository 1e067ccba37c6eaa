import type { TrackedShard } from '../tracking/tracked-shard.js';
import type { Outcome } from './shard-graph.js';
import type { SubscriptionEnd } from './make-shard.js';
import type { Opened } from './open-shard.js';

/** How the life of a shard ends. `done` and `skipped`: there is nothing to read. */
export type Verdict = 'done' | 'ended' | 'lost' | 'skipped' | 'stopped';

/** What decides whether the life of a shard is over. */
export interface LifeState {
  readonly account: TrackedShard;
  /** `undefined` as long as the shard could not be opened. */
  readonly opened: Opened | undefined;
  readonly isStopping: boolean;
  /** How the last subscription ended; `undefined` while one lasts, `'none'` before the first. */
  readonly subscription: SubscriptionEnd | 'none' | undefined;
}

/** Whether the question arises: until the end, a loss or `stop`, a life goes on whatever else changes. */
export function mayBeOver({ account, opened, isStopping }: LifeState): boolean {
  return isStopping || account.isLost || account.ledger.hasEnded || typeof opened?.start === 'string';
}

/** How the life is over; `undefined` while it goes on. */
export function verdictOn(state: LifeState): Verdict | undefined {
  const { account, opened, isStopping } = state;
  if (account.isLost) return 'lost';
  if (typeof opened?.start === 'string') return opened.start;
  if (account.isFinished || isUnaccounted(account)) return 'ended';
  return isStopping && isIdle(state) ? 'stopped' : undefined;
}

/** What the children of a shard are told when its life is over; nothing unless it has come to its end. */
export function outcomeOf(verdict: Verdict, opened: Opened | undefined): Outcome | undefined {
  if (verdict === 'skipped') return 'skipped';
  if (verdict !== 'done' && verdict !== 'ended') return undefined;
  const { checkpoint, start } = opened ?? {};
  const isFromHorizon = typeof start === 'object' && start.type === 'TRIM_HORIZON';
  return checkpoint || start === 'done' || isFromHorizon ? 'resumed' : 'read';
}

/** Whether, at a stop, all blocks are settled, but not all records came into one: behind the pipeline a filter may have dropped them. */
export function waitsForUnclaimed({ account, isStopping, subscription }: LifeState): boolean {
  const { ledger, resumes, isSupervised } = account;
  return isStopping && subscription === 'complete' && !resumes && !isSupervised && !ledger.hasOpenEntries;
}

/** Whether the end is read and nobody keeps account of the work: no pipeline, no block, and no store to write it to. */
function isUnaccounted({ ledger, isSupervised, checkpointer }: TrackedShard): boolean {
  return ledger.hasEnded && !ledger.isTracked && !isSupervised && !checkpointer.store;
}

/** Whether nothing more will settle: all is settled, the pipeline says that it is over, or it was torn down. */
function isIdle({ account, subscription }: LifeState): boolean {
  const { ledger, resumes, isSupervised, isDrained } = account;
  if (subscription === undefined || resumes || isSupervised) return false;
  return subscription !== 'complete' || isDrained || ledger.isSettled || !ledger.isTracked;
}

import {
  auditTime,
  filter,
  ignoreElements,
  map,
  merge,
  NEVER,
  Observable,
  of,
  startWith,
  switchMap,
  take,
  tap,
  type SchedulerLike,
} from 'rxjs';
import { delayOf } from '../internal/delay.js';
import { firstThen } from '../internal/first-then.js';
import { subscribeWithin } from '../internal/subscribe-within.js';
import { UNCLAIMED_WAIT_MS } from '../tracking/creditOf.js';
import type { TrackedShard } from '../tracking/tracked-shard.js';
import { isReleaseReason, phaseOf, waitsForUnclaimed, type ReleaseReason, type ShardFacts } from './shard-phase.js';

/** What {@link releaseReason} watches. */
export interface ReleaseWatch {
  readonly tracked: TrackedShard;
  readonly scheduler: SchedulerLike;
  /** The facts as they are now. */
  readonly facts: () => ShardFacts;
}

/** Emits the reason for the release of a shard, once, when it must be released. */
export function releaseReason(watch: ReleaseWatch): Observable<ReleaseReason> {
  // A shard may be read for years: until that ends, two subscribers are all that watch it.
  return firstThen(readingEnds(watch), () => workEnds(watch));
}

/** Emits when the shard must be drained or released. */
function readingEnds(watch: ReleaseWatch): Observable<void> {
  const { changes$, stopping$ } = watch.tracked;
  return new Observable<void>((subscriber) => {
    const look = (): void => {
      if (isEnding(watch)) subscriber.next();
    };
    look();
    subscribeWithin(subscriber, changes$, { next: look });
    subscribeWithin(subscriber, stopping$, { next: look });
  });
}

/** Emits the reason when the work is done, or is waited for no longer. */
function workEnds(watch: ReleaseWatch): Observable<ReleaseReason> {
  const { tracked, scheduler, facts } = watch;
  return merge(tracked.changes$, tracked.stopping$).pipe(
    startWith(undefined),
    filter(() => isEnding(watch)),
    // After the changes have had their effects: a completion may still flush blocks, and many changes come at once.
    auditTime(0, scheduler),
    switchMap((): Observable<ReleaseReason> => {
      const phase = phaseOf(facts());
      if (isReleaseReason(phase)) return of(phase);
      if (waitsForRelease(watch)) return reportingHeld(watch);
      if (!waitsForUnclaimed(facts())) return NEVER;
      return delayOf(UNCLAIMED_WAIT_MS, scheduler).pipe(map(() => 'stopped' as const));
    }),
    take(1),
  );
}

function isEnding({ facts }: ReleaseWatch): boolean {
  const phase = phaseOf(facts());
  return phase === 'draining' || isReleaseReason(phase);
}

/** Whether only blocks that are stored and not released keep a shard that is read to its end. */
function waitsForRelease({ tracked: { ledger, unreleased }, facts }: ReleaseWatch): boolean {
  const { hasEnded, isStopping, isSupervised } = facts();
  return hasEnded && !isStopping && !isSupervised && ledger.isSettled && unreleased.areInWork;
}

/** Reports the oldest of these blocks when nothing has changed for a while: without `releaseBlocks`, the children of the shard never start. */
function reportingHeld({ tracked, scheduler }: ReleaseWatch): Observable<never> {
  const report = (): void =>
    tracked.tell({ type: 'watermarkHeld', ranges: tracked.unreleased.inWork[0]!.ranges, heldMs: HELD_TO_REPORT_MS });
  return delayOf(HELD_TO_REPORT_MS, scheduler).pipe(tap(report), ignoreElements());
}

const HELD_TO_REPORT_MS = 10_000;

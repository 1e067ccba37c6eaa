import {
  defer,
  distinctUntilChanged,
  filter,
  ignoreElements,
  map,
  merge,
  NEVER,
  of,
  startWith,
  switchMap,
  take,
  tap,
  type Observable,
  type SchedulerLike,
} from 'rxjs';
import type { TrackedShard } from './tracked-shard.js';
import { delayOf } from '../internal/delay.js';
import { creditIn, type CreditLimits } from '../ledger/credit.js';

/** How long a reader waits for unclaimed records to come into a block: a filter may have dropped them all. */
export const UNCLAIMED_WAIT_MS = 1_000;

/**
 * Emits once, when the shard's reader may read another page: the largest number of records to ask for.
 *
 * @remarks
 * It emits at once until nine tenths of the limit are in flight. Then it waits until there is credit for half of the limit, or a second for
 * less, since otherwise a slow consumer would cause reads of one record each. Without credit it waits: while a block is open, for as long as it takes, since settling the block frees
 * credit; with no block open, for a second. The records in flight are then on their way into a block or were dropped by a filter, and
 * after that second they no longer use credit.
 */
export function creditOf(tracked: TrackedShard, limits: CreditLimits, scheduler: SchedulerLike): Observable<number> {
  const worthARead = Math.max(1, Math.floor(limits.maxInFlightRecords / 2));
  const rest = Math.max(1, Math.floor(limits.maxInFlightRecords / 10));
  const credit = (): number => creditIn(tracked.ledger, limits);
  let isUsedUp = false;
  return defer(() => {
    isUsedUp ||= credit() < rest;
    if (!isUsedUp || credit() >= worthARead) {
      isUsedUp = false;
      return of(credit());
    }
    const waitFor = waitsOf(tracked, worthARead, scheduler);
    const credit$ = tracked.changes$.pipe(
      startWith(undefined),
      map(() => waitFor(credit())),
      // A wait continues as long as its kind is the same, however fast blocks settle.
      distinctUntilChanged(),
      switchMap((wait$) => wait$),
      map(credit),
      filter((records) => records > 0),
      tap(() => (isUsedUp = false)),
    );
    return reportingPause(credit$, tracked, scheduler);
  });
}

/** What to wait for with so much credit. */
function waitsOf({ ledger }: TrackedShard, worthARead: number, scheduler: SchedulerLike): (records: number) => Observable<unknown> {
  // Emits after the settling that freed the credit, and not in the middle of it.
  const granted$ = delayOf(0, scheduler);
  const little$ = delayOf(UNCLAIMED_WAIT_MS, scheduler);
  const unclaimed$ = delayOf(UNCLAIMED_WAIT_MS, scheduler).pipe(tap(() => ledger.releaseCredit()));
  return (records) => {
    if (records >= worthARead) return granted$;
    if (records > 0) return little$;
    return ledger.hasOpenEntries ? NEVER : unclaimed$;
  };
}

/**
 * Reports, once, that the reader waits, since it would wait for ever for work that needs more blocks before it settles any; then, that it no longer
 * does.
 */
function reportingPause(credit$: Observable<number>, tracked: TrackedShard, scheduler: SchedulerLike): Observable<number> {
  const sinceMs = scheduler.now();
  let isReported = false;
  const paused = (): void => {
    isReported = true;
    const { outstandingRecords: records, outstandingBytes: bytes } = tracked.ledger;
    tracked.tell({ type: 'readerPaused', records, bytes, pausedMs: PAUSE_TO_REPORT_MS });
  };
  const resumed = (): void => {
    if (isReported) tracked.tell({ type: 'readerResumed', pausedMs: Math.max(0, scheduler.now() - sinceMs) });
  };
  const pause$ = delayOf(PAUSE_TO_REPORT_MS, scheduler).pipe(tap(paused), ignoreElements());
  return merge(credit$, pause$).pipe(take(1), tap(resumed));
}

const PAUSE_TO_REPORT_MS = 10_000;

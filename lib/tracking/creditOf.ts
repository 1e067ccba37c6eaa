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

/** How long a reader waits for records that nobody has put into a block: a filter may have dropped them all. */
export const UNCLAIMED_WAIT_MS = 1_000;

/**
 * Emits once, when the shard's reader may read another page: of how many records at most.
 *
 * @remarks
 * Half of the limit is worth a read, less is waited for a second longer: else a slow consumer would be read for one record at a
 * time. While a block is open, its settling will bring credit, and the reader waits for that however long. With no block open,
 * what is in flight are records on their way into one, or dropped by a filter: they are waited for a second, then they no longer
 * count.
 */
export function creditOf(tracked: TrackedShard, limits: CreditLimits, scheduler: SchedulerLike): Observable<number> {
  const { ledger } = tracked;
  const worthARead = Math.max(1, Math.floor(limits.maxInFlightRecords / 2));
  const credit = (): number => creditIn(ledger, limits);
  // Not in the middle of the settling that brought the credit, but after it.
  const granted$ = delayOf(0, scheduler);
  const little$ = delayOf(UNCLAIMED_WAIT_MS, scheduler);
  const unclaimed$ = delayOf(UNCLAIMED_WAIT_MS, scheduler).pipe(tap(() => ledger.releaseCredit()));
  const waitFor = (records: number): Observable<unknown> => {
    if (records >= worthARead) return granted$;
    if (records > 0) return little$;
    return ledger.hasOpenEntries ? NEVER : unclaimed$;
  };

  return defer(() => {
    if (credit() >= worthARead) return of(credit());
    const credit$ = tracked.changes$.pipe(
      startWith(undefined),
      map(() => waitFor(credit())),
      // However fast blocks settle: what is being waited for continues as long as it is the same.
      distinctUntilChanged(),
      switchMap((wait$) => wait$),
      map(credit),
      filter((records) => records > 0),
    );
    return reportingPause(credit$, tracked, scheduler);
  });
}

/** Tells, once, that the reader waits: work that needs more blocks before it settles any would make it wait for ever. Then when it no longer does. */
function reportingPause(
  credit$: Observable<number>,
  { ledger, identity, notify }: TrackedShard,
  scheduler: SchedulerLike,
): Observable<number> {
  const { streamName, shardId } = identity;
  const sinceMs = scheduler.now();
  let isReported = false;
  const paused = (): void => {
    isReported = true;
    const { outstandingRecords: records, outstandingBytes: bytes } = ledger;
    notify({ type: 'readerPaused', streamName, shardId, records, bytes, pausedMs: PAUSE_TO_REPORT_MS });
  };
  const resumed = (): void => {
    if (isReported) notify({ type: 'readerResumed', streamName, shardId, pausedMs: scheduler.now() - sinceMs });
  };
  const pause$ = delayOf(PAUSE_TO_REPORT_MS, scheduler).pipe(tap(paused), ignoreElements());
  return merge(credit$, pause$).pipe(take(1), tap(resumed));
}

const PAUSE_TO_REPORT_MS = 10_000;

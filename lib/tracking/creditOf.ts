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
 * With credit for half of the limit or more it emits at once; with less it waits another second, since otherwise a slow consumer would
 * cause reads of one record each. Without credit it waits: while a block is open, for as long as it takes, since settling the block frees
 * credit; with no block open, for a second. The records in flight are then on their way into a block or were dropped by a filter, and
 * after that second they no longer use credit.
 */
export function creditOf(tracked: TrackedShard, limits: CreditLimits, scheduler: SchedulerLike): Observable<number> {
  const { ledger } = tracked;
  const worthARead = Math.max(1, Math.floor(limits.maxInFlightRecords / 2));
  const credit = (): number => creditIn(ledger, limits);
  // Emits after the settling that freed the credit, and not in the middle of it.
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
      // A wait continues as long as its kind is the same, however fast blocks settle.
      distinctUntilChanged(),
      switchMap((wait$) => wait$),
      map(credit),
      filter((records) => records > 0),
    );
    return merge(credit$, reportPause(tracked, scheduler)).pipe(take(1));
  });
}

/** Reports, once, that the reader waits: it would wait for ever for work that needs more blocks before it settles any. */
function reportPause({ ledger, identity, notify }: TrackedShard, scheduler: SchedulerLike): Observable<never> {
  const { streamName, shardId } = identity;
  const report = (): void => {
    const { outstandingRecords: records, outstandingBytes: bytes } = ledger;
    notify({ type: 'readerPaused', streamName, shardId, records, bytes, pausedMs: PAUSE_TO_REPORT_MS });
  };
  return delayOf(PAUSE_TO_REPORT_MS, scheduler).pipe(tap(report), ignoreElements());
}

const PAUSE_TO_REPORT_MS = 10_000;

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
import { hasCredit, type CreditLimits } from '../ledger/credit.js';

/** How long a reader waits for records that nobody has put into a block: a filter may have dropped them all. */
export const UNCLAIMED_WAIT_MS = 1_000;

/**
 * Emits once when the shard's reader may read another page.
 *
 * @remarks
 * While a block is open, its settling will bring credit, and the reader waits for that however long. With no block open,
 * what is in flight are records on their way into one, or dropped by a filter: they are waited for a second, then they no
 * longer count.
 */
export function creditOf(account: TrackedShard, limits: CreditLimits, scheduler: SchedulerLike): Observable<unknown> {
  const { ledger } = account;
  // Not in the middle of the settling that brought the credit, but after it.
  const granted$ = delayOf(0, scheduler);
  const unclaimed$ = delayOf(UNCLAIMED_WAIT_MS, scheduler).pipe(tap(() => ledger.releaseCredit()));

  return defer(() => {
    if (hasCredit(ledger, limits)) return of(0);
    const credit$ = account.changes$.pipe(
      startWith(undefined),
      map(() => (hasCredit(ledger, limits) ? granted$ : ledger.hasOpenEntries ? NEVER : unclaimed$)),
      // However fast blocks settle: what is being waited for goes on as long as it is the same.
      distinctUntilChanged(),
      switchMap((wait$) => wait$),
      filter(() => hasCredit(ledger, limits)),
    );
    return merge(credit$, reportPause(account, scheduler)).pipe(take(1));
  });
}

/** Tells, once, that the reader waits: work that needs more blocks before it settles any would make it wait for ever. */
function reportPause({ ledger, identity, notify }: TrackedShard, scheduler: SchedulerLike): Observable<never> {
  const { streamName, shardId } = identity;
  const report = (): void => {
    const { outstandingRecords: records, outstandingBytes: bytes } = ledger;
    notify({ type: 'readerPaused', streamName, shardId, records, bytes, pausedMs: PAUSE_TO_REPORT_MS });
  };
  return delayOf(PAUSE_TO_REPORT_MS, scheduler).pipe(tap(report), ignoreElements());
}

const PAUSE_TO_REPORT_MS = 10_000;

import { ignoreElements, merge, take, tap } from 'rxjs';
import { delayOf } from '../internal/delay.js';
import type { StallTimeout } from '../internal/stall-timeout.js';
import type { ReadBudget } from '../kinesis/read-budget.js';

/** Pauses the stall timeout while a read queues for a shared budget, once it has waited longer than the spacing of its own reads. */
export function pausedWhileQueued(budget: ReadBudget, patience: StallTimeout): ReadBudget {
  return {
    acquire: (shard, scheduler) => {
      const pause$ = delayOf(LONG_WAIT_MS, scheduler).pipe(
        tap(() => patience.pause()),
        ignoreElements(),
      );
      const turn$ = budget.acquire(shard, scheduler).pipe(tap(() => patience.resume()));
      return merge(turn$, pause$).pipe(take(1));
    },
    spend: (shard, bytes, scheduler) => budget.spend(shard, bytes, scheduler),
    forget: (shard) => budget.forget(shard),
  };
}

/** Longer than the spacing of one's own reads. */
const LONG_WAIT_MS = 1_000;

import { concatMap, defer, of, type Observable, type SchedulerLike } from 'rxjs';
import { delayOf } from '../internal/delay.js';
import { assertNumber } from '../internal/validate.js';

/**
 * What Kinesis lets one consumer read of one shard.
 *
 * @remarks Source: "Quotas and limits", Amazon Kinesis Data Streams Developer Guide: 5 GetRecords calls and 2 MiB a second and shard.
 */
export interface ReadBudgetConfig {
  /** GetRecords calls a second and shard. Above 0; `Infinity` lifts it, for emulators and tests. @defaultValue 5 */
  readonly readsPerSecond?: number;
  /** Bytes a second and shard. Above 0; `Infinity` lifts it. @defaultValue 2_097_152 */
  readonly bytesPerSecond?: number;
}

/**
 * Spaces the reads of each shard, whoever makes them: give one budget to all sources of a process that read one stream.
 */
export interface ReadBudget {
  /** Emits once when the shard may be read, in the order of asking. */
  acquire(shard: string, scheduler: SchedulerLike): Observable<unknown>;
  /** Says how much a read gave: the next one waits until that is within the bytes a second. */
  spend(shard: string, bytes: number, scheduler: SchedulerLike): void;
  /** Forgets a shard that will not be read again. */
  forget(shard: string): void;
}

/** Makes a {@link ReadBudget}. @throws InvalidConfigError */
export function readBudget({ readsPerSecond = 5, bytesPerSecond = 2 * 1024 * 1024 }: ReadBudgetConfig = {}): ReadBudget {
  assertNumber('readsPerSecond', readsPerSecond, Number.MIN_VALUE, true);
  assertNumber('bytesPerSecond', bytesPerSecond, Number.MIN_VALUE, true);
  const spacingMs = 1000 / readsPerSecond;
  /** By shard: when the next read may begin, and when the bytes read so far are paid for. */
  const accounts = new Map<string, { nextMs: number; paidMs: number }>();

  const accountOf = (shard: string): { nextMs: number; paidMs: number } => {
    const account = accounts.get(shard) ?? { nextMs: -Infinity, paidMs: -Infinity };
    accounts.set(shard, account);
    return account;
  };

  return {
    acquire: (shard, scheduler) =>
      defer(() => {
        const account = accountOf(shard);
        const now = scheduler.now();
        const turnMs = Math.min(Math.max(now, account.nextMs), now + LONGEST_WAIT_MS);
        account.nextMs = turnMs + spacingMs;
        const turn$ = waitUntil(turnMs, scheduler);
        // The read before may have been paid for later than this turn.
        return turn$.pipe(concatMap(() => waitUntil(account.paidMs, scheduler)));
      }),
    spend: (shard, bytes, scheduler) => {
      const account = accountOf(shard);
      account.paidMs = Math.max(scheduler.now(), account.paidMs) + (bytes / bytesPerSecond) * 1000;
    },
    forget: (shard) => void accounts.delete(shard),
  };
}

/** Beyond any honest wait (10 MiB at 2 MiB a second are 5 s), so that a clock set back does not stop a shard. */
const LONGEST_WAIT_MS = 60_000;

function waitUntil(timeMs: number, scheduler: SchedulerLike): Observable<unknown> {
  const waitMs = Math.min(timeMs - scheduler.now(), LONGEST_WAIT_MS);
  return waitMs > 0 ? delayOf(waitMs, scheduler) : of(0);
}

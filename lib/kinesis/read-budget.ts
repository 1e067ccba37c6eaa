import { concatMap, defer, of, type Observable, type SchedulerLike } from 'rxjs';
import { delayOf, MAX_TIMER_MS } from '../internal/delay.js';
import { KeyedQueue } from '../internal/keyed-queue.js';
import { SteadyClock } from '../internal/steady-clock.js';
import { assertKnownFields, assertPositive } from '../internal/validate.js';
import { BYTES_PER_SECOND, READS_PER_SECOND, ReadPace } from './read-pace.js';

/**
 * How much of one shard may be read.
 *
 * @remarks Source: "Quotas and limits", Amazon Kinesis Data Streams Developer Guide: 5 GetRecords calls and 2 MiB a second and shard.
 */
export interface ReadBudgetConfig {
  /** GetRecords calls a second and shard. Above 0; `Infinity` for no limit, for emulators and tests. @defaultValue 5 */
  readonly readsPerSecond?: number | undefined;
  /** Bytes a second and shard. Above 0; `Infinity` for no limit. @defaultValue 2_097_152 */
  readonly bytesPerSecond?: number | undefined;
}

/**
 * Spaces the reads of each shard over time. Give one budget to all sources of a process that read the same stream.
 */
export interface ReadBudget {
  /** Emits once when the shard may be read, in the order of the subscriptions. */
  acquire(shard: string, scheduler: SchedulerLike): Observable<unknown>;
  /** Reports the bytes of a read: the next read waits until they are within the bytes a second. */
  spend(shard: string, bytes: number, scheduler: SchedulerLike): void;
  /** Forgets a shard that will not be read again. */
  forget(shard: string): void;
}

/** Makes a {@link ReadBudget}. @throws InvalidConfigError */
export function readBudget(config: ReadBudgetConfig = {}): ReadBudget {
  assertKnownFields(config, { readsPerSecond: true, bytesPerSecond: true });
  const { readsPerSecond = READS_PER_SECOND, bytesPerSecond = BYTES_PER_SECOND } = config;
  assertPositive('readsPerSecond', readsPerSecond, true);
  assertPositive('bytesPerSecond', bytesPerSecond, true);
  const shards = new Map<string, ShardBudget>();
  const turns = new KeyedQueue();
  const budgetOf = (shard: string): ShardBudget => {
    const known = shards.get(shard);
    if (known) return known;
    const budget = new ShardBudget(new ReadPace({ readsPerSecond, bytesPerSecond }));
    shards.set(shard, budget);
    return budget;
  };

  // Most reads find that nobody waits, and that they are due.
  const begin = (shard: string, scheduler: SchedulerLike): boolean => turns.isIdle(shard) && budgetOf(shard).begin(scheduler);
  const budget: ReadBudget = {
    acquire: (shard, scheduler) =>
      defer(() => {
        if (begin(shard, scheduler)) return NOW;
        return turns.run(
          shard,
          defer(() => budgetOf(shard).whenDue(scheduler)),
        );
      }),
    spend: (shard, bytes, scheduler) => budgetOf(shard).spend(bytes, scheduler),
    forget: (shard) => void shards.delete(shard),
  };
  begins.set(budget, begin);
  return budget;
}

/**
 * Begins a read now, if the shard may be read and nobody waits for it; returns whether it did. If not, {@link ReadBudget.acquire} waits: also with a budget
 * that is not, as it is, one of {@link readBudget}.
 */
export function beginsNow(budget: ReadBudget, shard: string, scheduler: SchedulerLike): boolean {
  return begins.get(budget)?.(shard, scheduler) ?? false;
}

/** How the budgets of {@link readBudget} begin a read without an Observable. */
const begins = new WeakMap<ReadBudget, (shard: string, scheduler: SchedulerLike) => boolean>();

/** The budget of one shard, for one reader at a time. */
class ShardBudget {
  readonly #pace: ReadPace;
  readonly #clock = new SteadyClock();

  constructor(pace: ReadPace) {
    this.#pace = pace;
  }

  /** Begins a read if it is due; returns whether it is. */
  begin(scheduler: SchedulerLike): boolean {
    const nowMs = this.#clock.now(scheduler);
    if (this.#pace.dueMs > nowMs) return false;
    this.#pace.begin(nowMs);
    return true;
  }

  /** Emits when a read may begin. */
  whenDue(scheduler: SchedulerLike): Observable<unknown> {
    return this.begin(scheduler) ? NOW : this.#waitUntil(this.#pace.dueMs, this.#clock.now(scheduler), scheduler);
  }

  #waitUntil(dueMs: number, now: number, scheduler: SchedulerLike): Observable<unknown> {
    const waitMs = Math.min(dueMs - now, MAX_TIMER_MS);
    return delayOf(waitMs, scheduler).pipe(
      concatMap(() => {
        // The timer has fired, so the time has come: a clock that was set back meanwhile does not lengthen the wait.
        this.#clock.advanceTo(now + waitMs, scheduler);
        // A read that was still under way may have used many bytes meanwhile: so look again.
        return this.whenDue(scheduler);
      }),
    );
  }

  /** Reports the bytes of a read. */
  spend(bytes: number, scheduler: SchedulerLike): void {
    this.#pace.spend(this.#clock.now(scheduler), bytes);
  }
}

const NOW = of(0);

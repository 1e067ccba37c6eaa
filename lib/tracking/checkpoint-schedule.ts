import { audit, catchError, concat, defer, EMPTY, from, ignoreElements, mergeMap, Subject, throwError, type Observable } from 'rxjs';
import { delayOf } from '../internal/delay.js';
import { isRxKinesisError } from '../values/errors.js';
import type { CheckpointStore } from '../checkpoints/checkpoint-store.js';
import { CheckpointError } from '../checkpoints/errors.js';
import type { Settlement } from './settlement.js';
import type { TrackedShard, WriteRetry } from './tracked-shard.js';
import { WatermarkWatch } from './watermark-watch.js';

/** When the checkpoints of some shards are written: at ticks, and once more at the end. */
export class CheckpointSchedule {
  readonly #settlement: Settlement;
  readonly #store: CheckpointStore | undefined;
  readonly #intervalMs: number;
  readonly #retry: WriteRetry;
  readonly #startMs: number;
  readonly #watch = new WatermarkWatch();
  readonly #writing = new Set<TrackedShard>();
  /** There is something to write, or to look at again, at the next tick. */
  readonly #due$ = new Subject<void>();

  constructor(settlement: Settlement, store: CheckpointStore | undefined, intervalMs: number, retry: WriteRetry) {
    this.#settlement = settlement;
    this.#store = store;
    this.#intervalMs = intervalMs;
    this.#retry = retry;
    this.#startMs = retry.scheduler.now();
  }

  /** Something settled. */
  noteSettled(): void {
    this.#due$.next();
  }

  /** Writes what moved at each tick that has something to write. Emits nothing; failed writes are told as events and tried again. */
  writeAtTicks(): Observable<never> {
    return this.#due$.pipe(
      // Not exhaustMap, which is deaf in its own tick: what becomes due within one is looked at again at the next.
      audit(() => this.#nextTick()),
      mergeMap(() => this.#settlement.accounts),
      mergeMap((account) => this.#writeAtTick(account)),
      ignoreElements(),
    );
  }

  /** The blocks have come to their end: those that are still open were dropped, and are reported. */
  reportDropped(): void {
    this.#settlement.accounts.forEach((account) => this.#watch.end(account));
  }

  /** The last writes: all of them are awaited, then the first error, if there is one, goes on. */
  writeLast(): Observable<never> {
    return defer(() => {
      const accounts = this.#settlement.accounts;
      const errors: unknown[] = [];
      const keepError = (account: TrackedShard) => (error: unknown) => {
        errors.push(toCheckpointError(error, account));
        return EMPTY;
      };
      const conclude$ = defer(() => {
        accounts.forEach((account) => this.#drained(account));
        return errors.length > 0 ? throwError(() => errors[0]) : EMPTY;
      });
      return concat(from(accounts).pipe(mergeMap((account) => this.#write(account).pipe(catchError(keepError(account))))), conclude$);
    }).pipe(ignoreElements());
  }

  /** Begins a last write for each shard, for which nobody waits. */
  startLast(): void {
    for (const account of this.#settlement.accounts) account.flush(this.#storeOf(account)).subscribe({ error: () => undefined });
  }

  #nextTick(): Observable<unknown> {
    if (this.#intervalMs === Infinity) return delayOf(Infinity, this.#retry.scheduler);
    const elapsedMs = this.#retry.scheduler.now() - this.#startMs;
    return delayOf(this.#intervalMs - (elapsedMs % this.#intervalMs), this.#retry.scheduler);
  }

  #writeAtTick(account: TrackedShard): Observable<unknown> {
    if (this.#watch.look(account, this.#retry.scheduler.now())) this.#due$.next();
    // Its write, or the wait before another try, takes longer than the interval.
    if (this.#writing.has(account)) return EMPTY;
    this.#writing.add(account);
    return concat(
      this.#write(account).pipe(catchError(() => EMPTY)),
      defer(() => this.#written(account)),
    );
  }

  #written(account: TrackedShard): Observable<never> {
    this.#writing.delete(account);
    if (account.isDue(this.#storeOf(account))) this.#due$.next();
    else if (account.isFinished || account.isLost) this.#settlement.forget(account);
    return EMPTY;
  }

  #write(account: TrackedShard): Observable<unknown> {
    return account.flushRetrying(this.#storeOf(account), this.#retry);
  }

  #storeOf(account: TrackedShard): CheckpointStore | undefined {
    return this.#store ?? account.store;
  }

  #drained(account: TrackedShard): void {
    account.isDrained = true;
    account.noteChange();
  }
}

function toCheckpointError(error: unknown, { identity: { streamName, shardId } }: TrackedShard): unknown {
  if (isRxKinesisError(error)) return error;
  return new CheckpointError('the last checkpoint could not be written', { streamName, shardId, retriable: true, cause: error });
}

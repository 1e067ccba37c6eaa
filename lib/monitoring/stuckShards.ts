import {
  asyncScheduler,
  defer,
  filter,
  map,
  merge,
  mergeMap,
  Subject,
  switchMap,
  takeUntil,
  tap,
  type Observable,
  type OperatorFunction,
  type SchedulerLike,
} from 'rxjs';
import { delayOf } from '../internal/delay.js';
import { SteadyClock } from '../internal/steady-clock.js';
import { assertKnownFields, assertNumber, assertScheduler } from '../internal/validate.js';
import type { Alert } from './alert.js';
import type { KinesisEvent } from './events.js';
import { ShardsProgress, type ShardProgress } from './shard-progress.js';

/** When {@link stuckShards} calls a shard stuck. */
export interface StuckShardsConfig {
  /**
   * For how long a shard that has something to do may go without a settled block and without a checkpoint, in ms. From 1 up. Take more than a block's
   * work takes, and than the reader's `idleDelayMs`.
   */
  readonly maxAllowedLagMs: number;
  /** Every timer and clock. @defaultValue asyncScheduler */
  readonly scheduler?: SchedulerLike | undefined;
}

/**
 * Raises an alert for each shard on which no work is done any more, and clears it when there is some again.
 *
 * @remarks
 * Measured is the time since the shard's last settled block or checkpoint, or since it was last seen to have nothing to do (an empty page at
 * the newest record, with no block open) or to come nearer to that by an empty page. The alert is raised, once, when that is more than `maxAllowedLagMs` and the shard has something to do: records that
 * were read, blocks that are open, newer records than the last page had, a read that fails, a pipeline that failed. So an idle
 * shard is not stuck. It is cleared, once, by a settled block or a checkpoint, when the shard has nothing to do, and, with the value `undefined`, when it is released.
 *
 * One timer while a shard has something to do, none else. Keeps one small object a shard until the shard is released. Errors and completes with the events,
 * at once, and clears nothing then.
 *
 * @throws InvalidConfigError when called with a number out of range.
 *
 * @example
 * ```ts
 * const events = new Subject<KinesisEvent>();
 * events
 *   .pipe(stuckShards({ maxAllowedLagMs: 120_000 }))
 *   .subscribe(({ raised, shardId, value }) => console.log(shardId, raised ? `is stuck for ${value} ms` : 'goes on'));
 * ```
 */
export function stuckShards(config: StuckShardsConfig): OperatorFunction<KinesisEvent, Alert> {
  assertKnownFields(config, { maxAllowedLagMs: true, scheduler: true });
  const { maxAllowedLagMs, scheduler = asyncScheduler } = config;
  assertNumber('maxAllowedLagMs', maxAllowedLagMs, 1);
  assertScheduler(scheduler);

  return watching(maxAllowedLagMs, scheduler, () => false);
}

/**
 * The same for {@link health}, whose alerts mean that a restart would help. A shard whose reads are throttled, and which has no block open, does what
 * it can, and so does one whose handler fails and is called again; one that has started and is not read waits for its turn in `mergeShards`.
 */
export function stuckForHealth(maxAllowedLagMs: number, scheduler: SchedulerLike): OperatorFunction<KinesisEvent, Alert> {
  const waitsForTurn = new WeakSet<ShardProgress>();
  return watching(maxAllowedLagMs, scheduler, (event, shard) => {
    if (event.type === 'shardStarted') {
      waitsForTurn.add(shard);
      shard.isWaiting = false;
    } else if (waitsForTurn.delete(shard)) return true;
    return event.type === 'blockRetry' || (event.type === 'readRetry' && event.reason === 'throttling' && !shard.hasOpenBlocks);
  });
}

type IsExcused = (event: KinesisEvent, shard: ShardProgress) => boolean;

function watching(limitMs: number, scheduler: SchedulerLike, isExcused: IsExcused): OperatorFunction<KinesisEvent, Alert> {
  return (events$) => defer(() => new StuckWatch(limitMs, scheduler, isExcused).alerts(events$));
}

/** One subscription: which shards are stuck. */
class StuckWatch {
  readonly #limitMs: number;
  readonly #scheduler: SchedulerLike;
  readonly #isExcused: IsExcused;
  readonly #clock = new SteadyClock();
  readonly #shards = new ShardsProgress();
  /** The shards whose alert is raised, and when something was last done on each by then. */
  readonly #raised = new Map<ShardProgress, number>();
  readonly #armed$ = new Subject<void>();
  /** What the timer is set for. */
  #armedForMs = Infinity;
  /** When the next shard may have to be called stuck. May be too early, but not too late. */
  #deadlineMs = Infinity;

  /** @param isExcused - whether the shard counts by this event as one on which something was done. */
  constructor(limitMs: number, scheduler: SchedulerLike, isExcused: IsExcused) {
    this.#limitMs = limitMs;
    this.#scheduler = scheduler;
    this.#isExcused = isExcused;
  }

  readonly #now = () => ({ ms: this.#clock.now(this.#scheduler) });

  alerts(events$: Observable<KinesisEvent>): Observable<Alert> {
    const ended$ = new Subject<void>();
    const raised$ = this.#armed$.pipe(
      switchMap(() => delayOf(this.#armedForMs - this.#now().ms, this.#scheduler)),
      map(() => this.#look()),
      takeUntil(ended$),
    );
    const cleared$ = events$.pipe(
      tap({ complete: () => ended$.next() }),
      map((event) => this.#take(event)),
    );
    return merge(raised$, cleared$).pipe(
      filter((alerts) => alerts.length > 0),
      mergeMap((alerts) => alerts),
    );
  }

  /** Takes an event. Gives the alerts that it clears. */
  #take(event: KinesisEvent): readonly Alert[] {
    const shard = this.#shards.take(event, this.#now);
    if (!shard) return this.#forget(event);
    if (this.#isExcused(event, shard)) shard.progressMs = this.#now().ms;
    const raisedAtMs = this.#raised.get(shard);
    // Also when it turns out that there is nothing to do, which counts as done.
    const isCleared = raisedAtMs !== undefined && shard.progressMs !== raisedAtMs;
    if (isCleared) this.#raised.delete(shard);
    this.#expect(shard);
    this.#arm();
    return isCleared ? [this.#alert(shard, false, 0)] : NONE;
  }

  #forget(event: KinesisEvent): readonly Alert[] {
    const gone = this.#shards.forget(event);
    if (gone.length > 0) this.#disarm();
    const cleared = gone.filter((shard) => this.#raised.delete(shard));
    return cleared.map((shard) => this.#alert(shard, false, undefined));
  }

  /** Gives the alerts that time has raised. */
  #look(): readonly Alert[] {
    const { ms: nowMs } = this.#now();
    const stuck = [...this.#shards.all].filter((shard) => !this.#raised.has(shard) && this.#isStuck(shard, nowMs));
    for (const shard of stuck) this.#raised.set(shard, shard.progressMs);
    this.#deadlineMs = Infinity;
    this.#armedForMs = Infinity;
    for (const shard of this.#shards.all) this.#expect(shard);
    this.#arm();
    return stuck.map((shard) => this.#alert(shard, true, nowMs - shard.progressMs));
  }

  #isStuck({ isWaiting, progressMs }: ShardProgress, nowMs: number): boolean {
    return isWaiting && nowMs - progressMs > this.#limitMs;
  }

  #expect(shard: ShardProgress): void {
    if (!shard.isWaiting || this.#raised.has(shard)) return;
    // More than the limit: a clock of whole milliseconds says so one later.
    this.#deadlineMs = Math.min(this.#deadlineMs, shard.progressMs + this.#limitMs + 1);
  }

  #arm(): void {
    if (this.#deadlineMs >= this.#armedForMs) return;
    this.#armedForMs = this.#deadlineMs;
    this.#armed$.next();
  }

  /** Ends the timer when no shard has something to do: it would keep a process alive whose streams have ended. */
  #disarm(): void {
    for (const { isWaiting } of this.#shards.all) if (isWaiting) return;
    this.#deadlineMs = Infinity;
    this.#armedForMs = Infinity;
    this.#armed$.next();
  }

  #alert({ streamName, shardId }: ShardProgress, raised: boolean, value: number | undefined): Alert {
    return { type: 'stuckShard', raised, streamName, shardId, value, limit: this.#limitMs };
  }
}

const NONE: readonly Alert[] = [];

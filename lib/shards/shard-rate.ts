import { concatMap, defer, map, of, startWith, Subject, switchMap, take, tap, type Observable, type SchedulerLike } from 'rxjs';
import { delayOf } from '../internal/delay.js';
import { SteadyClock } from '../internal/steady-clock.js';
import type { EventSink } from '../monitoring/events.js';
import type { RateEstimator } from '../rates/rate-estimator.js';
import { RateLimit } from '../rates/rate-limit.js';
import { WorkMeter } from '../rates/work-meter.js';
import { InvalidConfigError } from '../values/errors.js';
import type { ShardName } from '../values/shard-id.js';
import { shown } from '../values/shown.js';

/** The rates of a source, checked. */
export interface RateConfig {
  /** In records a second and shard; `Infinity` for no limit. */
  readonly maxRate: number;
  readonly rateEstimator: RateEstimator | undefined;
}

/** Limits how fast one shard is read, by `maxRate` and by the estimates made of what its pipeline settles. */
export class ShardRate {
  readonly #shard: ShardName;
  readonly #maxRate: number;
  readonly #scheduler: SchedulerLike;
  readonly #notify: EventSink;
  readonly #clock = new SteadyClock();
  readonly #limit: RateLimit;
  readonly #meter: WorkMeter | undefined;
  readonly #estimate: ReturnType<RateEstimator['start']> | undefined;
  readonly #changed$ = new Subject<void>();

  constructor(
    { streamName, shardId }: ShardName,
    { maxRate, rateEstimator, scheduler, notify }: RateConfig & { readonly scheduler: SchedulerLike; readonly notify: EventSink },
  ) {
    this.#shard = { streamName, shardId };
    this.#maxRate = maxRate;
    this.#scheduler = scheduler;
    this.#notify = notify;
    this.#limit = new RateLimit(maxRate, this.#now());
    this.#meter = rateEstimator && new WorkMeter(rateEstimator.intervalMs, this.#now());
    this.#estimate = rateEstimator?.start();
  }

  /** Makes a sink that takes note of what the shard's pipeline opens and settles, before it passes on the event. */
  hearing(notify: EventSink): EventSink {
    return (event) => {
      if (event.type === 'blockOpened') this.#meter?.open(this.#now());
      notify(event);
      if (event.type === 'blockSettled') this.#settled(event.records);
    };
  }

  /** Notes that a new subscription begins, in which the blocks of the last one settle nothing. */
  restart(): void {
    this.#meter?.restart();
  }

  /** Notes that a page was read. */
  spend(records: number): void {
    this.#limit.spend(records, this.#now());
  }

  /** Emits the credit when the rate allows a read too: no more of it than the records of a second. */
  limited(credit$: Observable<number>): Observable<number> {
    return this.#whenDue().pipe(
      concatMap(() => credit$),
      map((records) => Math.min(records, this.#limit.records)),
    );
  }

  #whenDue(): Observable<unknown> {
    // A wait is computed anew when the rate changes.
    const wait = (): Observable<unknown> => {
      const nowMs = this.#now();
      const waitMs = this.#limit.waitMs(nowMs);
      // The timer has fired, so the time has come, also if the clock was set back meanwhile.
      return waitMs === 0
        ? of(0)
        : delayOf(waitMs, this.#scheduler).pipe(tap(() => this.#clock.advanceTo(nowMs + waitMs, this.#scheduler)));
    };
    return defer(() => this.#changed$.pipe(startWith(undefined), switchMap(wait), take(1)));
  }

  #settled(settled: number): void {
    const batch = this.#meter?.settle(settled, this.#now());
    const estimate = batch && this.#estimate?.(batch);
    if (batch === undefined || estimate === undefined) return;
    // With another one reading would wait for ever, without a fault that anybody hears of.
    if (typeof estimate !== 'number' || !(estimate > 0))
      throw new InvalidConfigError(`rateEstimator: expected a rate above 0 or undefined, got ${shown(estimate)}`);
    // A rate below 1 is kept as it is: rounded down it would be none.
    const rate = Math.min(this.#maxRate, estimate < 1 ? estimate : Math.floor(estimate));
    if (rate === this.#limit.rate) return;
    this.#limit.set(rate, this.#now());
    const { records, processingMs, schedulingMs } = batch;
    const processedPerSecond = Math.round((records / processingMs) * 1_000);
    this.#notify({ type: 'rateChanged', ...this.#shard, recordsPerSecond: rate, processedPerSecond, waitedMs: schedulingMs });
    this.#changed$.next();
  }

  #now(): number {
    return this.#clock.now(this.#scheduler);
  }
}

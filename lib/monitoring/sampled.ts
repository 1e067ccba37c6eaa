import { audit, defer, filter, ignoreElements, map, merge, Subject, takeUntil, tap, type Observable, type OperatorFunction } from 'rxjs';
import { delayOf } from '../internal/delay.js';
import { SteadyClock } from '../internal/steady-clock.js';
import type { KinesisEvent } from './events.js';
import type { ResolvedWindow } from './window-config.js';

/** When something happens: the time, and the slot that it lies in. */
export interface SampleTime {
  /** In ms since the subscription, by a clock that does not go back. */
  readonly ms: number;
  /** Slots of `everyMs` are counted from 0 at the subscription; each begins at its tick. */
  readonly slot: number;
}

/** What is kept of events, to be looked at from time to time. */
export interface Gauge<T> {
  /** Takes an event. Says whether the gauge is to be looked at again. @param now - asked only for events that count: most do not. */
  take(event: KinesisEvent, now: () => SampleTime): boolean;
  /** What it shows at a tick. */
  show(now: SampleTime): T;
  /** Whether it will show nothing new until another event comes. */
  readonly isAtRest: boolean;
}

/**
 * Feeds events to a gauge, and emits what it shows every `everyMs` from the subscription on: only while there is something to show, so that no
 * timer runs when nothing happens.
 *
 * @param makeGauge - makes the gauge of one subscription.
 */
export function sampled<T>(makeGauge: () => Gauge<T>, window: SamplingWindow): OperatorFunction<KinesisEvent, T> {
  return (events$) => defer(() => new Sampling(makeGauge(), window).figures(events$));
}

type SamplingWindow = Pick<ResolvedWindow, 'everyMs' | 'scheduler'>;

/** One subscription to a metric. */
class Sampling<T> {
  readonly #gauge: Gauge<T>;
  readonly #window: SamplingWindow;
  readonly #clock = new SteadyClock();
  readonly #armed$ = new Subject<void>();
  readonly #askNow = (): SampleTime => this.#now();
  #isArmed = false;
  /** What the timer is set for. */
  #tickMs = 0;

  constructor(gauge: Gauge<T>, window: SamplingWindow) {
    this.#gauge = gauge;
    this.#window = window;
    // Slots are counted from here.
    this.#now();
  }

  figures(events$: Observable<KinesisEvent>): Observable<T> {
    const ended$ = new Subject<void>();
    const ticks$ = this.#armed$.pipe(
      audit(() => this.#untilTick()),
      map(() => this.#show()),
      takeUntil(ended$),
    );
    const taken$ = events$.pipe(
      tap({ complete: () => ended$.next() }),
      filter((event) => this.#take(event)),
      ignoreElements(),
    );
    // The ticks first, so that they are there when events come at once.
    return merge(ticks$, taken$);
  }

  #now(): SampleTime {
    const ms = this.#clock.now(this.#window.scheduler);
    return { ms, slot: Math.floor(ms / this.#window.everyMs) };
  }

  /** Lets no event pass: of all that is done for each of thousands a second, this is the most. */
  #take(event: KinesisEvent): false {
    if (this.#gauge.take(event, this.#askNow)) this.#arm();
    return false;
  }

  #arm(): void {
    if (this.#isArmed) return;
    this.#isArmed = true;
    this.#armed$.next();
  }

  #untilTick(): Observable<unknown> {
    const { ms, slot } = this.#now();
    this.#tickMs = (slot + 1) * this.#window.everyMs;
    return delayOf(this.#tickMs - ms, this.#window.scheduler);
  }

  #show(): T {
    // A host's timer may be a little early.
    this.#clock.advanceTo(this.#tickMs, this.#window.scheduler);
    const shown = this.#gauge.show(this.#now());
    this.#isArmed = false;
    // Before it is emitted: what a subscriber makes happen then is counted as well.
    if (!this.#gauge.isAtRest) this.#arm();
    return shown;
  }
}

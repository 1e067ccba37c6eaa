import type { OperatorFunction } from 'rxjs';
import type { KinesisEvent } from './events.js';
import { sampled, type Gauge, type SampleTime } from './sampled.js';
import { SlidingCounts, type Counts } from './sliding-counts.js';
import type { ResolvedWindow } from './window-config.js';

/** What a metric counts: how much of the whole an event is, and how much of the part; neither where it is not of the metric. */
export type Count = readonly [part: number, whole: number] | undefined;

/** A metric over what is counted in a window. An event adds to the counts of the slot that it lies in, and is not kept. */
export function counted(
  countOf: (event: KinesisEvent) => Count,
  figureOf: (counts: Counts) => number,
  window: ResolvedWindow,
): OperatorFunction<KinesisEvent, number | undefined> {
  return sampled(() => new CountedGauge(countOf, figureOf, window.slots), window);
}

/** The share of the part in the whole. */
export function share({ part, whole }: Counts): number {
  return part / whole;
}

class CountedGauge implements Gauge<number | undefined> {
  readonly #countOf: (event: KinesisEvent) => Count;
  readonly #figureOf: (counts: Counts) => number;
  readonly #counts: SlidingCounts;

  constructor(countOf: (event: KinesisEvent) => Count, figureOf: (counts: Counts) => number, slots: number) {
    this.#countOf = countOf;
    this.#figureOf = figureOf;
    this.#counts = new SlidingCounts(slots);
  }

  take(event: KinesisEvent, now: () => SampleTime): boolean {
    const count = this.#countOf(event);
    if (!count) return false;
    this.#counts.add(now().slot, count[0], count[1]);
    return true;
  }

  show({ slot }: SampleTime): number | undefined {
    const counts = this.#counts.before(slot);
    return counts.whole > 0 ? this.#figureOf(counts) : undefined;
  }

  /** What the figure was made of is still there: the next tick at least says that the window is empty. */
  get isAtRest(): boolean {
    return this.#counts.isEmpty;
  }
}

import type { OperatorFunction } from 'rxjs';
import type { KinesisEvent } from './events.js';
import { sampled, type Gauge, type SampleTime } from './sampled.js';
import { ShardsProgress } from './shard-progress.js';
import { windowOf, type ResolvedWindow, type WindowConfig } from './window-config.js';

/**
 * How far the work is behind, in ms: the time now, less the time at which Kinesis took the last record that is settled. Of several shards, that of
 * the one that is furthest behind.
 *
 * @remarks
 * What arrived before a page that was empty, at the newest record, with no block open, is settled too: the lag of a shard that has nothing to do is the
 * time since it was last looked at. Until a shard's first block is settled, or where Kinesis did not say when it took the records, it is the time since the
 * shard was first heard of: at least so far is it behind.
 *
 * Emits a number at each multiple of `everyMs` from the subscription on. A shard counts while records of it wait, which makes its lag grow also when
 * nothing happens any more, and else for `windowMs` after it was last heard of; once `undefined` when there is none left, and then nothing,
 * without a timer. Keeps one small object a shard until the shard is released. Errors and completes with the events, at once.
 *
 * @throws InvalidConfigError when called with a window that cannot be.
 *
 * @example
 * ```ts
 * const events = new Subject<KinesisEvent>();
 * events.pipe(processingLag({ everyMs: 10_000 })).subscribe((lagMs) => console.log('behind by', lagMs, 'ms'));
 * events.pipe(perShard(processingLag())).subscribe(({ shardId, value }) => console.log(shardId, value));
 * ```
 */
export function processingLag(config: WindowConfig = {}): OperatorFunction<KinesisEvent, number | undefined> {
  const window = windowOf(config);
  return sampled(() => new LagGauge(window), window);
}

class LagGauge implements Gauge<number | undefined> {
  readonly #window: ResolvedWindow;
  readonly #shards = new ShardsProgress();
  #hadFigure = false;

  constructor(window: ResolvedWindow) {
    this.#window = window;
  }

  take(event: KinesisEvent, now: () => SampleTime): boolean {
    return this.#shards.take(event, now) !== undefined || this.#shards.forget(event).length > 0;
  }

  show({ ms, slot }: SampleTime): number | undefined {
    const windowStartMs = (slot - this.#window.slots) * this.#window.everyMs;
    let worst: number | undefined;
    for (const { isWaiting, seenMs, doneThroughMs } of this.#shards.all)
      if (isWaiting || seenMs >= windowStartMs) worst = Math.max(worst ?? 0, ms - doneThroughMs);
    this.#hadFigure = worst !== undefined;
    return worst;
  }

  get isAtRest(): boolean {
    return !this.#hadFigure;
  }
}

import { catchError, concat, defer, EMPTY, ignoreElements, merge, noop, Subscription, type Observable } from 'rxjs';
import type { CheckpointStore } from '../checkpoints/checkpoint-store.js';
import { delayOf } from '../internal/delay.js';
import type { EventSink } from '../monitoring/events.js';
import { InvalidConfigError } from '../values/errors.js';
import { endOf, type SequenceNumberRange, type SequenceNumberRanges } from '../values/sequence-range.js';
import { shardKey } from '../values/shard-id.js';
import type { CheckpointedShard } from './checkpointed-shard.js';
import type { WriteRetry } from './checkpointer.js';
import { HandMadeShard } from './hand-made-shard.js';
import { entriesOf } from './tracked-block.js';

/** When and where checkpoints are written. */
export interface CheckpointScheduleOptions {
  /** The store for blocks made by hand; the shards of a source have no other one. */
  readonly store: CheckpointStore | undefined;
  /** The time between two writes of a shard, in ms. */
  readonly intervalMs: number;
  readonly retry: WriteRetry;
  /** Told of the shards of blocks made by hand: no source tells of those. */
  readonly notify: EventSink;
}

/** What the schedule knows of one shard. */
interface ScheduledShard {
  /** Whether a write of this shard, or the delay before its retry, is under way. */
  isWriting: boolean;
  /** Looks, at each tick, whether a block holds the watermark; returns whether to look again. */
  readonly lookAtHeld: ((nowMs: number) => boolean) | undefined;
  /** To the releases of stored blocks. */
  readonly releases: Subscription | undefined;
}

/**
 * Settles the blocks that pass `checkpointEvery`, and writes the checkpoints of their shards: at ticks, and once more at the end.
 */
export class CheckpointSchedule {
  readonly #options: CheckpointScheduleOptions;
  readonly #startMs: number;
  /** The shards of the settled blocks, until there is nothing more to write for them. */
  readonly #shards = new Map<CheckpointedShard, ScheduledShard>();
  /** The shards of blocks made by hand, by their keys. */
  #byHand: Map<string, HandMadeShard> | undefined;
  /** The next tick, if there is something to write or to look at again, the writes of earlier ones, and what makes a tick due. */
  readonly #ticks = new Subscription();
  #isTickDue = false;

  constructor(options: CheckpointScheduleOptions) {
    this.#options = options;
    this.#startMs = options.retry.scheduler.now();
  }

  /** The shards for which there may be something to write. */
  get shards(): readonly CheckpointedShard[] {
    return [...this.#shards.keys()];
  }

  /**
   * Settles the block with these ranges; the checkpoints of its shards are written at the next tick.
   *
   * @throws InvalidConfigError for a block made by hand when there is no store to write to, and for a shard whose source has another one.
   */
  settle(ranges: SequenceNumberRanges): void {
    const entries = entriesOf(ranges);
    if (entries.length === 0) ranges.ranges.forEach((range) => this.#settleByHand(range));
    for (const { shard, entry } of entries) {
      shard.content.assertOwnStore(this.#options.store);
      shard.settle(entry, this.#options.retry.scheduler.now());
      this.#remember(shard);
    }
    this.#noteDue();
  }

  /** Ends the ticks, and the retries of the writes that they began. */
  stop(): void {
    this.#ticks.unsubscribe();
  }

  /** Reports, after the source has completed, the blocks that are still open: they were dropped. */
  reportDropped(): void {
    for (const shard of this.shards) shard.reportDropped?.();
  }

  /**
   * Ends the ticks, makes the last writes and waits for all of them; then errors with the first error, if there was one. From then on
   * there is nothing more to write.
   *
   * @param sourceErrors - what ends the source: it comes before the errors of the writes.
   */
  writeLast(sourceErrors: readonly unknown[] = []): Observable<never> {
    return defer(() => {
      const { shards } = this;
      const errors = [...sourceErrors];
      this.stop();
      const keepError = (error: unknown): Observable<never> => {
        errors.push(error);
        return EMPTY;
      };
      const conclude$ = defer(() => {
        shards.forEach((shard) => shard.drain?.());
        this.#shards.clear();
        if (errors.length > 0) throw errors[0];
        return EMPTY;
      });
      return concat(merge(...shards.map((shard) => this.#write(shard).pipe(catchError(keepError)))), conclude$);
    }).pipe(ignoreElements());
  }

  /** Ends the ticks, and starts a last write for each shard, without waiting for it. */
  startLast(): void {
    this.stop();
    for (const shard of this.shards) shard.checkpointer.write().subscribe({ error: noop });
  }

  /** Settles a range of a block without an entry: such blocks settle in order of arrival. */
  #settleByHand(range: SequenceNumberRange): void {
    const { store, notify, retry } = this.#options;
    if (!store) {
      throw new InvalidConfigError(
        `${range.streamName}/${range.shardId}: the records of a block are copied ({ ...record }): pass on the records themselves to ` +
          'withSequenceRanges. Made by hand, or by another version of rx-kinesis, they need the option store',
      );
    }
    const key = shardKey(range);
    this.#byHand ??= new Map();
    const shard = this.#byHand.get(key) ?? new HandMadeShard(range, store, notify, retry.scheduler);
    this.#byHand.set(key, shard);
    shard.settleThrough(endOf(range));
    this.#remember(shard);
  }

  #remember(shard: CheckpointedShard): void {
    if (this.#shards.has(shard)) return;
    const releases = shard.releases$?.subscribe({ next: () => this.#noteDue(), error: noop });
    this.#ticks.add(releases);
    this.#shards.set(shard, { isWriting: false, lookAtHeld: shard.watchHeld?.(), releases });
  }

  /** At the next tick, writes the checkpoints that moved. Failed writes are reported as events and retried. */
  #noteDue(): void {
    if (this.#isTickDue) return;
    this.#isTickDue = true;
    const writeAll = (): void => {
      // What becomes due during this tick is written at the next one.
      this.#isTickDue = false;
      for (const [shard, state] of [...this.#shards]) this.#writeAtTick(shard, state);
    };
    this.#ticks.add(this.#nextTick().subscribe({ next: writeAll, error: noop }));
  }

  #nextTick(): Observable<unknown> {
    const { intervalMs, retry } = this.#options;
    const elapsedMs = retry.scheduler.now() - this.#startMs;
    // The second remainder is for a clock that was set back before the start: no tick comes later for it.
    const untilTickMs = (intervalMs - (elapsedMs % intervalMs)) % intervalMs;
    // 0 is the present tick, and `Infinity` has no remainder.
    return delayOf(untilTickMs || intervalMs, retry.scheduler);
  }

  #writeAtTick(shard: CheckpointedShard, state: ScheduledShard): void {
    if (state.lookAtHeld?.(this.#options.retry.scheduler.now())) this.#noteDue();
    // A write of this shard, or the delay before its retry, takes longer than the interval.
    if (state.isWriting) {
      shard.tell({ type: 'checkpointSkipped', reason: 'writing' });
      return;
    }
    const { checkpointer } = shard;
    if (checkpointer.store && !checkpointer.isDue() && shard.isHeld) shard.tell({ type: 'checkpointSkipped', reason: 'held' });
    state.isWriting = true;
    const written = (): void => {
      state.isWriting = false;
      if (checkpointer.isDue()) this.#noteDue();
      else if (shard.isOver) {
        state.releases?.unsubscribe();
        this.#shards.delete(shard);
      }
    };
    this.#ticks.add(this.#write(shard).subscribe({ error: written, complete: written }));
  }

  #write(shard: CheckpointedShard): Observable<unknown> {
    return shard.checkpointer.write(this.#options.retry);
  }
}

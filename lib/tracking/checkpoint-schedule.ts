import {
  audit,
  catchError,
  concat,
  defer,
  EMPTY,
  finalize,
  from,
  ignoreElements,
  map,
  mergeMap,
  Subject,
  Subscription,
  throwError,
  type Observable,
} from 'rxjs';
import type { CheckpointStore } from '../checkpoints/checkpoint-store.js';
import { delayOf } from '../internal/delay.js';
import type { LedgerEntry } from '../ledger/entries.js';
import { InvalidConfigError } from '../values/errors.js';
import { endOf, type SequenceNumberRange, type SequenceNumberRanges } from '../values/sequence-range.js';
import { shardKey, type ShardIdentity } from '../values/shard-id.js';
import type { WriteRetry } from './checkpointer.js';
import { entriesOf } from './tracked-block.js';
import { TrackedShard } from './tracked-shard.js';

/** When and where checkpoints are written. */
export interface CheckpointScheduleOptions {
  /** The store to write to, instead of the store that each shard came with. */
  readonly store: CheckpointStore | undefined;
  /** The time between two writes of a shard, in ms. */
  readonly intervalMs: number;
  readonly retry: WriteRetry;
}

/** What the schedule knows of one shard. */
interface ScheduledShard {
  /** Whether a write of this shard, or the delay before its retry, is under way. */
  isWriting: boolean;
  /** The block that held the watermark, although later ones are settled, at the last look. */
  held?: { readonly entry: LedgerEntry; readonly sinceMs: number; isReported: boolean };
}

/**
 * Settles the blocks that pass `checkpointEvery`, and writes the checkpoints of their shards: at ticks, and once more at the end.
 */
export class CheckpointSchedule {
  readonly #options: CheckpointScheduleOptions;
  readonly #startMs: number;
  /** The shards of the settled blocks, until there is nothing more to write for them. */
  readonly #shards = new Map<TrackedShard, ScheduledShard>();
  /** The shards of blocks made by hand, by their keys. */
  readonly #byHand = new Map<string, TrackedShard>();
  /** Emits when there is something to write, or to look at again, at the next tick. */
  readonly #due$ = new Subject<void>();
  readonly #listening = new Subscription();

  constructor(options: CheckpointScheduleOptions) {
    this.#options = options;
    this.#startMs = options.retry.scheduler.now();
  }

  /** The shards for which there may be something to write. */
  get shards(): readonly TrackedShard[] {
    return [...this.#shards.keys()];
  }

  /**
   * Settles the block with these ranges; the checkpoints of its shards are written at the next tick.
   *
   * @throws InvalidConfigError for a block made by hand when there is no store to write to.
   */
  settle(ranges: SequenceNumberRanges): void {
    const entries = entriesOf(ranges);
    if (entries.length === 0) ranges.ranges.forEach((range) => this.#settleByHand(range));
    for (const { shard, entry } of entries) {
      const isNew = shard.ledger.settle(entry);
      this.#remember(shard);
      if (isNew) this.#reportSettled(shard, entry);
    }
    this.#due$.next();
  }

  /** At each tick, writes the checkpoints that moved. Emits nothing; failed writes are reported as events and retried. */
  writeAtTicks(): Observable<never> {
    return this.#due$.pipe(
      // Not exhaustMap, which ignores values during its own tick: what becomes due then must be written at the next tick.
      audit(() => this.#nextTick()),
      mergeMap(() => [...this.#shards]),
      mergeMap(([shard, state]) => this.#writeAtTick(shard, state)),
      ignoreElements(),
      finalize(() => this.#listening.unsubscribe()),
    );
  }

  /** Reports, after the source has completed, the blocks that are still open: they were dropped. */
  reportDropped(): void {
    for (const shard of this.#shards.keys()) {
      for (const entry of shard.ledger.openEntries()) reportHeld(shard, rangesOf(entry), 0);
      for (const { ranges } of shard.unreleased.leftOver) reportHeld(shard, ranges, 0);
    }
  }

  /** Makes the last writes and waits for all of them; then errors with the first error, if there was one. */
  writeLast(): Observable<never> {
    return defer(() => {
      const { shards } = this;
      const errors: unknown[] = [];
      const keepError = (error: unknown): Observable<never> => {
        errors.push(error);
        return EMPTY;
      };
      const conclude$ = defer(() => {
        shards.forEach((shard) => shard.drain());
        return errors.length > 0 ? throwError(() => errors[0]) : EMPTY;
      });
      return concat(from(shards).pipe(mergeMap((shard) => this.#write(shard).pipe(catchError(keepError)))), conclude$);
    }).pipe(ignoreElements());
  }

  /** Starts a last write for each shard, without waiting for it. */
  startLast(): void {
    for (const shard of this.shards) shard.checkpointer.write(this.#storeOf(shard)).subscribe({ error: () => undefined });
  }

  /** Settles a range of a block without an entry: such blocks settle in order of arrival. */
  #settleByHand(range: SequenceNumberRange): void {
    const { streamName, shardId } = range;
    const { store } = this.#options;
    if (!store) {
      throw new InvalidConfigError(
        `${streamName}/${shardId}: the records of a block are copied ({ ...record }): pass on the records themselves to withSequenceRanges. ` +
          'Made by hand, or by another version of rx-kinesis, they need the option store',
      );
    }
    const key = shardKey(range);
    const shard = this.#byHand.get(key) ?? this.#makeByHand({ streamName, shardId, parentShardIds: [] }, store);
    this.#byHand.set(key, shard);
    shard.ledger.settleThrough(endOf(range));
    this.#remember(shard);
  }

  #makeByHand(identity: ShardIdentity, store: CheckpointStore): TrackedShard {
    return new TrackedShard({ identity, store, scheduler: this.#options.retry.scheduler });
  }

  #remember(shard: TrackedShard): void {
    if (this.#shards.has(shard)) return;
    this.#shards.set(shard, { isWriting: false });
    // A release changes the blocks that a checkpoint names, although nothing is settled.
    this.#listening.add(shard.releases$.pipe(map(() => undefined)).subscribe(this.#due$));
  }

  #reportSettled({ notify, identity: { streamName, shardId } }: TrackedShard, { records, bytes, runs }: LedgerEntry): void {
    const arrivedMs = runs.at(-1)?.arrivedMs;
    const lagMs = arrivedMs && Math.max(0, this.#options.retry.scheduler.now() - arrivedMs);
    notify({ type: 'blockSettled', streamName, shardId, records, bytes, lagMs });
  }

  #nextTick(): Observable<unknown> {
    const { intervalMs, retry } = this.#options;
    if (intervalMs === Infinity) return delayOf(Infinity, retry.scheduler);
    const elapsedMs = retry.scheduler.now() - this.#startMs;
    return delayOf(intervalMs - (elapsedMs % intervalMs), retry.scheduler);
  }

  #writeAtTick(shard: TrackedShard, state: ScheduledShard): Observable<unknown> {
    if (this.#lookAtHeld(shard, state)) this.#due$.next();
    // A write of this shard, or the delay before its retry, takes longer than the interval.
    if (state.isWriting) return EMPTY;
    state.isWriting = true;
    return concat(
      this.#write(shard).pipe(catchError(() => EMPTY)),
      defer(() => this.#written(shard, state)),
    );
  }

  #written(shard: TrackedShard, state: ScheduledShard): Observable<never> {
    state.isWriting = false;
    if (shard.checkpointer.isDue(this.#storeOf(shard))) this.#due$.next();
    else if (shard.isFinished || shard.isLost) this.#shards.delete(shard);
    return EMPTY;
  }

  /** Reports, once, a block that has held the watermark since the last look. Returns whether to look again. */
  #lookAtHeld(shard: TrackedShard, state: ScheduledShard): boolean {
    const entry = shard.ledger.holdingEntry();
    if (!entry) return false;
    const nowMs = this.#options.retry.scheduler.now();
    if (state.held?.entry !== entry) {
      state.held = { entry, sinceMs: nowMs, isReported: false };
      return true;
    }
    if (!state.held.isReported) {
      state.held.isReported = true;
      reportHeld(shard, rangesOf(entry), nowMs - state.held.sinceMs);
    }
    return false;
  }

  #write(shard: TrackedShard): Observable<unknown> {
    return shard.checkpointer.write(this.#storeOf(shard), this.#options.retry);
  }

  #storeOf(shard: TrackedShard): CheckpointStore | undefined {
    return this.#options.store ?? shard.checkpointer.store;
  }
}

function rangesOf({ runs }: LedgerEntry): readonly SequenceNumberRange[] {
  return runs.map((run) => run.range);
}

function reportHeld({ notify, identity }: TrackedShard, ranges: readonly SequenceNumberRange[], heldMs: number): void {
  const { streamName, shardId } = identity;
  notify({ type: 'watermarkHeld', streamName, shardId, ranges, heldMs });
}

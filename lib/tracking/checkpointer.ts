import { catchError, concat, concatMap, defer, EMPTY, of, ReplaySubject, Subject, throwError } from 'rxjs';
import type { MonoTypeOperatorFunction, Observable, SchedulerLike } from 'rxjs';
import { MAX_SETTLED_RANGES } from '../checkpoints/checkpoint-rules.js';
import type { Checkpoint, CheckpointStore } from '../checkpoints/checkpoint-store.js';
import { isCheckpointError, isLeaseLost } from '../checkpoints/errors.js';
import { writeCheckpoint, type StoreCallLimits } from '../checkpoints/store-calls.js';
import { retryWithBackOff } from '../internal/back-off.js';
import type { EventSink } from '../monitoring/events.js';
import { isRxKinesisError } from '../values/errors.js';
import { comparePositions, type Position } from '../values/position.js';
import { endOf, startOf, type SequenceNumberRange, type SequenceNumberRanges } from '../values/sequence-range.js';
import type { ShardIdentity } from '../values/shard-id.js';
import { SettledRanges } from './settled-ranges.js';
import { UnreleasedBlocks } from './unreleased-blocks.js';

/** How often, and after which delays, a failed write is retried. */
export interface WriteRetry {
  /** Whether to retry errors that are not retriable too. */
  readonly retriesEverything?: boolean;
  readonly maxRetries: number;
  readonly retryDelayMs: number;
  readonly scheduler: SchedulerLike;
  readonly random: () => number;
}

/** What a {@link Checkpointer} writes, and where. */
export interface CheckpointerOptions extends StoreCallLimits {
  readonly identity: () => ShardIdentity;
  /** The store that the shard came with. */
  readonly store: CheckpointStore | undefined;
  readonly notify: EventSink;
  /** How far the shard is done: its watermark, or SHARD_END once the whole shard is; `undefined` when nothing may be written. */
  readonly progress: () => Position | undefined;
  /** The ranges that are settled beyond the watermark. */
  readonly settledBeyond: () => readonly SequenceNumberRange[];
  /** The blocks that are stored and not released. @defaultValue none */
  readonly unreleased?: UnreleasedBlocks;
  /** Emits the checkpoint in a store, once. @defaultValue emits `undefined` */
  readonly readStored?: (store: CheckpointStore) => Observable<Checkpoint | undefined>;
  /** Called when a write is refused because another worker holds the lease. */
  readonly lose: () => void;
}

/** The writes to one store. */
interface StoreState {
  /** The checkpoint that the store holds, as far as is known. */
  written: Checkpoint | undefined;
  /** The result of the write that is under way. */
  inFlight: Observable<Checkpoint> | undefined;
}

/**
 * The checkpoints of one shard: what was stored when reading began, what there is to write, and what is written to which store.
 *
 * @remarks
 * It makes one write per store at a time, never backwards, and only when there is something new. The ticks of `checkpointEvery` and the
 * end of the shard may ask for a write at the same time; they share the write in flight. Unsubscribing does not cancel a write, since a
 * write whose outcome is unknown is worse than one that is late. This is the only place where writes are retried.
 */
export class Checkpointer {
  /** The store that the shard came with. */
  readonly store: CheckpointStore | undefined;
  readonly #options: CheckpointerOptions;
  readonly #states = new Map<CheckpointStore, StoreState>();
  readonly #unreleased: UnreleasedBlocks;
  readonly #writes = new Subject<void>();
  /** Emits after each write that succeeded. */
  readonly writes$ = this.#writes.asObservable();
  #settledBefore = new SettledRanges();

  constructor(options: CheckpointerOptions) {
    this.#options = options;
    this.store = options.store;
    this.#unreleased = options.unreleased ?? new UnreleasedBlocks();
    if (this.store) this.#stateOf(this.store);
  }

  /** Takes the checkpoint that the shard's own store holds. */
  restore(checkpoint: Checkpoint): void {
    if (this.store) this.#stateOf(this.store).written = checkpoint;
    this.#settledBefore = new SettledRanges(checkpoint.settledBeyond);
  }

  /** The ranges that an earlier process settled beyond its checkpoint. */
  get settledBefore(): SettledRanges {
    return this.#settledBefore;
  }

  /** The checkpoint that may be written to `store` now (default: the shard's own). */
  currentFor(store: CheckpointStore | undefined = this.store): Checkpoint | undefined {
    const { identity, progress, settledBeyond } = this.#options;
    const watermark = progress();
    const covered = watermark && this.#unreleased.coveredBy(watermark, store?.keepsUnreleased ? MAX_UNRELEASED_RANGES : 0);
    if (!covered) return undefined;
    const { streamName, shardId, startingSequenceNumber: shardStart } = identity();
    const { position, blocks } = covered;
    const { sequenceNumber, subSequenceNumber } = position;
    const settled = this.#unreleased.without(this.#settledBefore.beyond(position, settledBeyond()), position).slice(0, MAX_SETTLED_RANGES);
    return {
      ...{ streamName, shardId, sequenceNumber, subSequenceNumber },
      ...(settled.length > 0 && { settledBeyond: settled }),
      ...(blocks.length > 0 && { unreleased: blocks }),
      ...(shardStart !== undefined && { shardStart }),
    };
  }

  /** Whether a written checkpoint covers the block with these ranges and no longer names it; true without any store. */
  isDoneWith(ranges: SequenceNumberRanges): boolean {
    const end = endOf(ranges.ranges.at(-1)!);
    const says = ({ written }: StoreState): boolean =>
      written !== undefined && comparePositions(end, written) <= 0 && !written.unreleased?.includes(ranges);
    return this.#states.size === 0 || [...this.#states.values()].some(says);
  }

  /** The stores to write to: the shard's own, and those that operators were given. */
  get stores(): CheckpointStore[] {
    return [...this.#states.keys()];
  }

  /** Whether there is something new to write to `store` (default: the shard's own). */
  isDue(store: CheckpointStore | undefined = this.store): boolean {
    return store !== undefined && this.#due(store) !== undefined;
  }

  /**
   * Writes the current checkpoint to `store` (default: the shard's own; nothing without one), after the write in flight if there is one.
   * Emits the checkpoints written; completes at once if nothing is new. Completes without an error when the lease is lost.
   *
   * @param policy - how errors are retried, with full jitter; without one they are not.
   */
  write(store: CheckpointStore | undefined = this.store, policy?: WriteRetry): Observable<Checkpoint> {
    if (!store) return EMPTY;
    const write$ = this.#flush(store).pipe(
      catchError((error: unknown) => {
        if (!isLeaseLost(error)) return throwError(() => error);
        this.#options.lose();
        return EMPTY;
      }),
    );
    return policy ? write$.pipe(retrying(policy)) : write$;
  }

  #flush(store: CheckpointStore): Observable<Checkpoint> {
    return defer(() => {
      const state = this.#stateOf(store);
      // The write in flight began before this call, so progress since then still has to be written.
      if (state.inFlight) return concat(state.inFlight.pipe(catchError(() => EMPTY)), this.#flush(store));
      const due = this.#due(store);
      return due ? this.#begin(due, store, state) : EMPTY;
    });
  }

  #begin(checkpoint: Checkpoint, store: CheckpointStore, state: StoreState): Observable<Checkpoint> {
    const { identity, notify } = this.#options;
    const { streamName, shardId, sequenceNumber, subSequenceNumber } = checkpoint;
    const event = { streamName, shardId, sequenceNumber, subSequenceNumber };
    const result = new ReplaySubject<Checkpoint>(1);
    state.inFlight = result;
    const conclude = (written: Checkpoint): void => {
      state.inFlight = undefined;
      state.written = written;
      if (written === checkpoint) notify({ type: 'checkpointWritten', ...event });
      result.next(written);
      result.complete();
      this.#writes.next();
    };
    const write$ = concat(writeCheckpoint(store, checkpoint, identity(), this.#options), of(checkpoint));
    write$.pipe(catchError((error: unknown) => this.#furtherThan(checkpoint, store, error))).subscribe({
      next: conclude,
      error: (error: unknown) => {
        state.inFlight = undefined;
        notify({ type: 'checkpointFailed', ...event, error });
        result.error(error);
      },
    });
    return result;
  }

  /**
   * Handles a write that the store has refused. A late write of an ended subscription may have stored a later checkpoint: then there is
   * nothing to write, and the stored checkpoint is emitted.
   */
  #furtherThan(checkpoint: Checkpoint, store: CheckpointStore, error: unknown): Observable<Checkpoint> {
    const { readStored = () => of(undefined) } = this.#options;
    if (!isCheckpointError(error) || error.retriable || isLeaseLost(error)) return throwError(() => error);
    return readStored(store).pipe(
      catchError(() => of(undefined)),
      concatMap((stored) => (stored && isFurther(stored, checkpoint) ? of(stored) : throwError(() => error))),
    );
  }

  #due(store: CheckpointStore): Checkpoint | undefined {
    const { written } = this.#stateOf(store);
    const current = this.currentFor(store);
    if (!current || !written) return current;
    const order = comparePositions(current, written);
    return order > 0 || (order === 0 && !saysTheSame(current, written)) ? current : undefined;
  }

  #stateOf(store: CheckpointStore): StoreState {
    const known = this.#states.get(store);
    if (known) return known;
    const state = { written: undefined, inFlight: undefined };
    this.#states.set(store, state);
    return state;
  }
}

/** Whether the stored checkpoint belongs to the same shard and is beyond the one to write. */
function isFurther(stored: Checkpoint, { shardStart, ...position }: Checkpoint): boolean {
  const isSameShard = stored.shardStart === undefined || shardStart === undefined || stored.shardStart === shardStart;
  return isSameShard && comparePositions(stored, position) > 0;
}

/** Whether two checkpoints of one position name the same blocks, by the instance of their ranges, and the same settled ranges. */
function saysTheSame(a: Checkpoint, b: Checkpoint): boolean {
  const isSameRange = (one: SequenceNumberRange, other: SequenceNumberRange): boolean =>
    comparePositions(startOf(one), startOf(other)) === 0 && comparePositions(endOf(one), endOf(other)) === 0;
  return areSame(a.unreleased, b.unreleased, Object.is) && areSame(a.settledBeyond, b.settledBeyond, isSameRange);
}

function areSame<T>(a: readonly T[] = [], b: readonly T[] = [], isSame: (one: T, other: T) => boolean): boolean {
  return a.length === b.length && a.every((one, i) => isSame(one, b[i]!));
}

function retrying({
  retriesEverything = false,
  maxRetries,
  retryDelayMs,
  scheduler,
  random,
}: WriteRetry): MonoTypeOperatorFunction<Checkpoint> {
  return retryWithBackOff({
    ...{ maxRetries, scheduler, random },
    initialDelayMs: retryDelayMs,
    maxDelayMs: MAX_RETRY_DELAY_MS,
    shouldRetry: (error) => retriesEverything || !isRxKinesisError(error) || error.retriable,
  });
}

/** The bound of the delay between two tries of one write, in ms. */
const MAX_RETRY_DELAY_MS = 20_000;

/** The most ranges of unreleased blocks that a checkpoint names; it stays before the first block that it cannot name. */
const MAX_UNRELEASED_RANGES = 100;

import { catchError, concat, defer, EMPTY, ReplaySubject, Subject, throwError } from 'rxjs';
import type { MonoTypeOperatorFunction, Observable, SchedulerLike } from 'rxjs';
import { MAX_SETTLED_RANGES } from '../checkpoints/checkpoint-rules.js';
import type { Checkpoint, CheckpointStore } from '../checkpoints/checkpoint-store.js';
import { isLeaseLost } from '../checkpoints/errors.js';
import { writeCheckpoint, type StoreCallLimits } from '../checkpoints/store-calls.js';
import { retryWithBackOff } from '../internal/back-off.js';
import type { CheckpointFailedEvent, EventSink } from '../monitoring/events.js';
import { isRxKinesisError } from '../values/errors.js';
import { comparePositions, type Position } from '../values/position.js';
import { endOf, type SequenceNumberRange, type SequenceNumberRanges } from '../values/sequence-range.js';
import type { ShardIdentity } from '../values/shard-id.js';
import { SettledRanges } from './settled-ranges.js';
import { UnreleasedBlocks } from './unreleased-blocks.js';

/** How often and when a failed write is tried again at once. */
export interface WriteRetry {
  /** Whether errors that are not retriable are tried again too. */
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
  /** What a write failed of, for the event. */
  readonly reasonOf: (error: unknown) => CheckpointFailedEvent['reason'];
  /** How far the shard is done: its watermark, or SHARD_END once that is earned; `undefined` when nothing may be written. */
  readonly progress: () => Position | undefined;
  /** What is settled beyond the watermark. */
  readonly settledBeyond: () => readonly SequenceNumberRange[];
  /** The blocks that are stored and not released. @defaultValue none */
  readonly unreleased?: UnreleasedBlocks;
  /** Called when a write is refused because another worker holds the lease. */
  readonly lose: () => void;
}

/** The writes to one store. */
interface StoreState {
  /** What the store is known to hold. */
  written: Checkpoint | undefined;
  /** The result of the write that is under way. */
  inFlight: Observable<Checkpoint> | undefined;
}

/**
 * The checkpoints of one shard: what was stored when reading began, what there is to write, and what is written to which store.
 *
 * @remarks
 * One write per store at a time, only forwards, and only when there is something new. Several may ask for a write: the ticks of
 * `checkpointEvery`, the end of the shard. They share the write in flight. Nobody who stops waiting cuts a write short, since a
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

  /** Begins where the shard's own store says that it stands. */
  restore(checkpoint: Checkpoint): void {
    if (this.store) this.#stateOf(this.store).written = checkpoint;
    this.#settledBefore = new SettledRanges(checkpoint.settledBeyond);
  }

  /** What an earlier process settled beyond its checkpoint. */
  get settledBefore(): SettledRanges {
    return this.#settledBefore;
  }

  /** What may be written now, to `store` (default: the shard's own). */
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

  /** Whether what is written says that the block with these ranges is done with; so it does where nothing is written at all. */
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
   * Writes what is new to `store` (default: the shard's own; nothing without one), after the write in flight if there is one.
   * Emits what was written; completes at once if nothing is new. A lost lease ends it without an error.
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
      // The write in flight began before this call: what is new since then still has to be written.
      if (state.inFlight) return concat(state.inFlight.pipe(catchError(() => EMPTY)), this.#flush(store));
      const due = this.#due(store);
      return due ? this.#begin(due, store, state) : EMPTY;
    });
  }

  #begin(checkpoint: Checkpoint, store: CheckpointStore, state: StoreState): Observable<Checkpoint> {
    const { identity, notify, reasonOf } = this.#options;
    const { streamName, shardId, sequenceNumber, subSequenceNumber } = checkpoint;
    const event = { streamName, shardId, sequenceNumber, subSequenceNumber };
    const result = new ReplaySubject<Checkpoint>(1);
    state.inFlight = result;
    writeCheckpoint(store, checkpoint, identity(), this.#options).subscribe({
      error: (error: unknown) => {
        state.inFlight = undefined;
        notify({ type: 'checkpointFailed', ...event, reason: reasonOf(error), error });
        result.error(error);
      },
      complete: () => {
        state.inFlight = undefined;
        state.written = checkpoint;
        notify({ type: 'checkpointWritten', ...event });
        result.next(checkpoint);
        result.complete();
        this.#writes.next();
      },
    });
    return result;
  }

  #due(store: CheckpointStore): Checkpoint | undefined {
    const { written } = this.#stateOf(store);
    const current = this.currentFor(store);
    if (!current || !written) return current;
    const order = comparePositions(current, written);
    return order > 0 || (order === 0 && !areSame(current.unreleased, written.unreleased)) ? current : undefined;
  }

  #stateOf(store: CheckpointStore): StoreState {
    const known = this.#states.get(store);
    if (known) return known;
    const state = { written: undefined, inFlight: undefined };
    this.#states.set(store, state);
    return state;
  }
}

/** Blocks are the same by the instance of their ranges. */
function areSame(a: Checkpoint['unreleased'] = [], b: Checkpoint['unreleased'] = []): boolean {
  return a.length === b.length && a.every((ranges, i) => ranges === b[i]);
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

/** A checkpoint names at most so many ranges of unreleased blocks; it does not pass what it leaves out, which is then read again. */
const MAX_UNRELEASED_RANGES = 100;

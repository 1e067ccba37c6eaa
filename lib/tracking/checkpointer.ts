import { catchError, concat, defer, EMPTY, of, ReplaySubject, Subject } from 'rxjs';
import type { MonoTypeOperatorFunction, Observable, SchedulerLike } from 'rxjs';
import type { Checkpoint, CheckpointStore } from '../checkpoints/checkpoint-store.js';
import { isLeaseLost } from '../checkpoints/errors.js';
import { writeCheckpoint, type StoreCallLimits } from '../checkpoints/store-calls.js';
import { retryWithBackOff } from '../internal/back-off.js';
import type { CheckpointFailedEvent, EventSink } from '../monitoring/events.js';
import { isFinal } from '../values/errors.js';
import { barePosition, comparePositions } from '../values/position.js';
import type { ShardIdentity } from '../values/shard-id.js';

/** How often, and after which delays, a failed write is retried. */
export interface WriteRetry {
  /** Whether to retry errors that are not retriable too. */
  readonly retriesEverything?: boolean;
  readonly maxRetries: number;
  readonly retryDelayMs: number;
  readonly scheduler: SchedulerLike;
  readonly random: () => number;
}

/** Whose checkpoints a {@link Checkpointer} writes, and where. */
export interface CheckpointerOptions extends StoreCallLimits {
  readonly identity: () => ShardIdentity;
  /** Without one nothing is written. */
  readonly store: CheckpointStore | undefined;
  readonly notify: EventSink;
  /** Says in one word why a write failed, for the event. @defaultValue `'transient'` */
  readonly reasonOf?: (error: unknown) => CheckpointFailedEvent['reason'];
  /** The checkpoint that may be written now; `undefined` when none may be. */
  readonly current: () => Checkpoint | undefined;
  /** Whether a checkpoint at the position of the written one has something else to say. @defaultValue it never has */
  readonly saysOther?: (checkpoint: Checkpoint, written: Checkpoint) => boolean;
  /** Emits the checkpoint that the store holds instead of a refused one, or errors. @defaultValue errors with the refusal */
  readonly storedInstead?: (checkpoint: Checkpoint, refusal: unknown) => Observable<Checkpoint>;
  /** Called when a write is refused because another worker holds the lease. */
  readonly lose: () => void;
}

/**
 * Writes the checkpoints of one shard to its store: knows what is written, and whether there is something new.
 *
 * @remarks
 * It makes one write at a time, never backwards, and only when there is something new. The ticks of `checkpointEvery` and the
 * end of the shard may ask for a write at the same time; they share the write in flight. Unsubscribing does not cancel a write, since a
 * write whose outcome is unknown is worse than one that is late. This is the only place where writes are retried.
 */
export class Checkpointer {
  readonly store: CheckpointStore | undefined;
  readonly #options: CheckpointerOptions;
  #written: Checkpoint | undefined;
  /** The result of the write that is under way. */
  #inFlight: Observable<Checkpoint> | undefined;
  readonly #writes = new Subject<void>();
  /** Emits after each write that succeeded. */
  readonly writes$ = this.#writes.asObservable();

  constructor(options: CheckpointerOptions) {
    this.#options = options;
    this.store = options.store;
  }

  /** Takes the checkpoint that the store holds. */
  restore(checkpoint: Checkpoint): void {
    this.#written = checkpoint;
  }

  /** The checkpoint that may be written now. */
  current(): Checkpoint | undefined {
    return this.#options.current();
  }

  /** The checkpoint that the store holds, as far as is known. */
  get written(): Checkpoint | undefined {
    return this.#written;
  }

  /** Whether there is something new to write. */
  isDue(): boolean {
    return this.#due() !== undefined;
  }

  /**
   * Writes the current checkpoint, after the write in flight if there is one. Emits the checkpoints written; completes at once if nothing is
   * new, or without a store. Completes without an error when the lease is lost.
   *
   * @param policy - how errors are retried, with full jitter; without one they are not.
   */
  write(policy?: WriteRetry): Observable<Checkpoint> {
    const write$ = this.#flush().pipe(
      catchError((error: unknown) => {
        if (!isLeaseLost(error)) throw error;
        this.#options.lose();
        return EMPTY;
      }),
    );
    return policy ? write$.pipe(retrying(policy)) : write$;
  }

  #flush(): Observable<Checkpoint> {
    return defer(() => {
      // The write in flight began before this call, so progress since then still has to be written.
      if (this.#inFlight) return concat(this.#inFlight.pipe(catchError(() => EMPTY)), this.#flush());
      const due = this.#due();
      return due ? this.#begin(due, this.store!) : EMPTY;
    });
  }

  #begin(checkpoint: Checkpoint, store: CheckpointStore): Observable<Checkpoint> {
    const { identity, notify, reasonOf = () => 'transient', storedInstead } = this.#options;
    const { streamName, shardId } = checkpoint;
    const event = { streamName, shardId, ...barePosition(checkpoint) };
    const result = new ReplaySubject<Checkpoint>(1);
    this.#inFlight = result;
    const conclude = (written: Checkpoint): void => {
      this.#inFlight = undefined;
      this.#written = written;
      if (written === checkpoint) notify({ type: 'checkpointWritten', ...event });
      result.next(written);
      result.complete();
      this.#writes.next();
    };
    const write$ = concat(writeCheckpoint(store, checkpoint, identity(), this.#options), of(checkpoint));
    (storedInstead ? write$.pipe(catchError((error: unknown) => storedInstead(checkpoint, error))) : write$).subscribe({
      next: conclude,
      error: (error: unknown) => {
        this.#inFlight = undefined;
        notify({ type: 'checkpointFailed', ...event, reason: reasonOf(error), error });
        result.error(error);
      },
    });
    return result;
  }

  #due(): Checkpoint | undefined {
    const current = this.store && this.current();
    if (!current || !this.#written) return current;
    const order = comparePositions(current, this.#written);
    return order > 0 || (order === 0 && this.#options.saysOther?.(current, this.#written)) ? current : undefined;
  }
}

function retrying({
  retriesEverything = false,
  maxRetries,
  retryDelayMs,
  scheduler,
  random,
}: WriteRetry): MonoTypeOperatorFunction<Checkpoint> {
  return retryWithBackOff(() => ({
    maxRetries,
    scheduler,
    random,
    initialDelayMs: retryDelayMs,
    maxDelayMs: MAX_RETRY_DELAY_MS,
    shouldRetry: (error) => retriesEverything || !isFinal(error),
  }));
}

/** The bound of the delay between two tries of one write, in ms. */
const MAX_RETRY_DELAY_MS = 20_000;

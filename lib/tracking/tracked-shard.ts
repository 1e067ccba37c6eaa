import { catchError, defer, EMPTY, ReplaySubject, retry, Subject, throwError, type Observable, type SchedulerLike } from 'rxjs';
import { delayOf, fullJitter } from '../internal/delay.js';
import { Ledger } from '../ledger/ledger.js';
import type { EventSink } from '../monitoring/events.js';
import { isRxKinesisError } from '../values/errors.js';
import { SHARD_END } from '../values/position.js';
import type { Checkpoint, CheckpointStore } from '../checkpoints/checkpoint-store.js';
import { CheckpointWriter } from './checkpoint-writer.js';
import { isLeaseLost } from '../checkpoints/errors.js';
import { SettledRanges } from './settled-ranges.js';
import type { Reread } from '../readers/reread.js';
import type { ShardIdentity } from '../values/shard-id.js';

/** How often and when a write is tried again at once. */
export interface WriteRetry {
  /** Whether also an error that is not retriable is tried again. */
  readonly retriesEverything?: boolean;
  readonly maxRetries: number;
  readonly retryDelayMs: number;
  readonly scheduler: SchedulerLike;
  readonly random: () => number;
}

/** What an account begins with. */
export interface TrackedShardOptions {
  readonly identity: ShardIdentity;
  readonly store?: CheckpointStore;
  readonly notify?: EventSink;
  /** Absent for blocks that were made by hand. */
  readonly reread?: Reread;
}

/**
 * All that is known of one shard's progress, shared by its source and the operators behind it: the ledger, the store it is
 * written to, and whether the lease is lost. Operators find it through the entries of a block.
 */
export class TrackedShard {
  readonly identity: ShardIdentity;
  readonly store: CheckpointStore | undefined;
  readonly ledger: Ledger;
  readonly notify: EventSink;
  readonly reread: Reread | undefined;
  readonly #changes = new Subject<void>();
  readonly #leaseLost = new ReplaySubject<void>(1);
  readonly #stopping = new ReplaySubject<void>(1);
  /** Emits after anything changed: something settled, the end was read, a pipeline completed, the lease was lost. */
  readonly changes$ = this.#changes.asObservable();
  /** Emits when the shard is to stop: what is subscribed from then on completes at once. */
  readonly stopping$ = this.#stopping.asObservable();
  /** Emits when another worker has the shard; completes without a value when the shard's life here ends otherwise. */
  readonly leaseLost$ = this.#leaseLost.asObservable();
  /** Whether another worker has the shard: then nothing is written any more. */
  isLost = false;
  /** Whether the next subscription goes on after the last delivered record, since work on the others is still going on. */
  resumes = false;
  /** Whether the pipeline says that nothing more will settle: it has completed. */
  isDrained = false;
  /** What an earlier process settled out of order. */
  restored = new SettledRanges();
  /** What the store held when reading began. */
  #begun: Checkpoint | undefined;
  readonly #writers = new Map<CheckpointStore, CheckpointWriter>();
  #pipelines = 0;

  constructor(opening: TrackedShardOptions) {
    this.identity = opening.identity;
    this.store = opening.store;
    this.notify = opening.notify ?? (() => undefined);
    this.reread = opening.reread;
    this.ledger = new Ledger(() => this.noteChange());
  }

  /** Begins where the store says that the shard stands. */
  restore(checkpoint: Checkpoint): void {
    this.#begun = checkpoint;
    this.restored = new SettledRanges(checkpoint.settledBeyond);
    this.ledger.settleThrough(checkpoint);
  }

  /** What may be written now: the watermark, or SHARD_END once that is earned. */
  get checkpoint(): Checkpoint | undefined {
    const { streamName, shardId } = this.identity;
    if (this.isLost) return undefined;
    if (this.isFinished) return { streamName, shardId, sequenceNumber: SHARD_END, subSequenceNumber: 0 };
    const watermark = this.ledger.watermark;
    if (!watermark) return undefined;
    const settledBeyond = this.restored.beyond(watermark, this.ledger.settledBeyond()).slice(0, MAX_SETTLED_RANGES);
    const { sequenceNumber, subSequenceNumber } = watermark;
    return { streamName, shardId, sequenceNumber, subSequenceNumber, ...(settledBeyond.length > 0 && { settledBeyond }) };
  }

  /** Whether the shard is read to its end, everything is settled, and no supervised pipeline still runs. */
  get isFinished(): boolean {
    return this.#pipelines === 0 && this.ledger.isFinished;
  }

  /** Whether a supervised pipeline runs: it says when all its work is done. */
  get isSupervised(): boolean {
    return this.#pipelines > 0;
  }

  /** A pipeline of the shard begins, whose completion will mean that the work on everything it was given is done. */
  beginPipeline(): void {
    this.#pipelines++;
  }

  /**
   * A pipeline is over. If it completed, nothing more will settle; and if it was given the shard to its end, what no block
   * holds was dropped on purpose. Before the end it may have cut off what nobody has seen (`take`, `takeUntil`).
   */
  endPipeline(completed: boolean): void {
    this.#pipelines--;
    if (completed) this.isDrained = true;
    if (completed && this.ledger.hasEnded) this.ledger.dropUnclaimed();
    this.noteChange();
  }

  /** Lets those who wait for a change look again. */
  noteChange(): void {
    this.#changes.next();
  }

  /** The shard is to stop. */
  stop(): void {
    this.#stopping.next();
  }

  /** The shard's life here is over. */
  close(): void {
    this.#leaseLost.complete();
  }

  /** Another worker has the shard. */
  lose(): void {
    if (this.isLost) return;
    this.isLost = true;
    this.#leaseLost.next();
    this.#leaseLost.complete();
    this.noteChange();
  }

  /** Whether there is something new to write to `store` (default: the shard's own). */
  isDue(store: CheckpointStore | undefined = this.store): boolean {
    return store !== undefined && this.#writer(store).isDue;
  }

  /** Writes what is new to `store` (default: the shard's own; nothing without one), once. A lost lease ends it without an error. */
  flush(store: CheckpointStore | undefined = this.store): Observable<Checkpoint> {
    if (!store) return EMPTY;
    return this.#writer(store)
      .flush()
      .pipe(
        catchError((error: unknown) => {
          if (!isLeaseLost(error)) return throwError(() => error);
          this.lose();
          return EMPTY;
        }),
      );
  }

  /** As {@link flush}, trying errors that pass again with full jitter. */
  flushRetrying(store: CheckpointStore | undefined, policy: WriteRetry): Observable<Checkpoint> {
    const { retriesEverything = false, maxRetries, retryDelayMs, scheduler, random } = policy;
    return this.flush(store).pipe(
      retry({
        delay: (error: unknown, attempt) =>
          defer(() => {
            const passes = retriesEverything || !isRxKinesisError(error) || error.retriable;
            if (!passes || attempt > maxRetries) return throwError(() => error);
            return delayOf(fullJitter(attempt, retryDelayMs, MAX_RETRY_DELAY_MS, random), scheduler);
          }),
      }),
    );
  }

  /** The stores to write to: the shard's own, and those that operators were given. */
  get stores(): CheckpointStore[] {
    return [...new Set([...(this.store ? [this.store] : []), ...this.#writers.keys()])];
  }

  #writer(store: CheckpointStore): CheckpointWriter {
    const known = this.#writers.get(store);
    if (known) return known;
    const written = store === this.store ? this.#begun : undefined;
    const writer = new CheckpointWriter(store, this.identity, () => this.checkpoint, this.notify, written);
    this.#writers.set(store, writer);
    return writer;
  }
}

/** The bound of the delay between two tries of one write, in ms. */
const MAX_RETRY_DELAY_MS = 20_000;

/** A checkpoint names at most so many ranges beyond it; what it leaves out is only delivered again. */
const MAX_SETTLED_RANGES = 100;

import { asyncScheduler, of, ReplaySubject, Subject, type Observable } from 'rxjs';
import type { Checkpoint, CheckpointStore } from '../checkpoints/checkpoint-store.js';
import type { StoreCallLimits } from '../checkpoints/store-calls.js';
import { Ledger } from '../ledger/ledger.js';
import type { EventSink } from '../monitoring/events.js';
import type { Reread } from '../readers/reread.js';
import { SHARD_END, type Position } from '../values/position.js';
import type { SequenceNumberRanges } from '../values/sequence-range.js';
import type { ShardIdentity } from '../values/shard-id.js';
import { Checkpointer, type CheckpointerOptions } from './checkpointer.js';
import { UnreleasedBlocks } from './unreleased-blocks.js';

/** What a {@link TrackedShard} is made of. */
export interface TrackedShardOptions extends Partial<StoreCallLimits> {
  readonly identity: ShardIdentity;
  readonly store?: CheckpointStore;
  readonly notify?: EventSink;
  /** What a write to the store failed of: given by the sources, so that operators alone need not know the errors of AWS. @defaultValue `'transient'` */
  readonly reasonOf?: CheckpointerOptions['reasonOf'];
  /** Absent for blocks that were made by hand. */
  readonly reread?: Reread;
  /** Emits what a store (default: the shard's own) holds, once, with the retries of the source. @defaultValue nothing is known */
  readonly readStored?: (store?: CheckpointStore) => Observable<Checkpoint | undefined>;
}

/** How a pipeline ended: `leavesWork` if what is not settled has left it, `leavesRecords` if there were records among that. */
export interface PipelineEnd {
  readonly completed: boolean;
  readonly leavesWork: boolean;
  readonly leavesRecords: boolean;
}

/**
 * One shard in the tracked section of this process: what its source and the operators after it share.
 *
 * @remarks
 * The ledger says what is delivered and settled, the checkpointer what is stored. Here is what ties them to the shard's life:
 * whether the lease is lost, whether a pipeline still runs, whether the next subscription resumes. Operators find it through a
 * record or the entries of a block.
 */
export class TrackedShard {
  readonly notify: EventSink;
  readonly reread: Reread | undefined;
  readonly readStored: (store?: CheckpointStore) => Observable<Checkpoint | undefined>;
  readonly ledger: Ledger;
  readonly checkpointer: Checkpointer;
  /** The blocks that `storeBlocks` has stored and `releaseBlocks` has not released. */
  readonly unreleased = new UnreleasedBlocks();
  readonly #changes = new Subject<void>();
  readonly #releases = new Subject<SequenceNumberRanges>();
  readonly #opened = new ReplaySubject<void>(1);
  readonly #leaseLost = new ReplaySubject<void>(1);
  readonly #stopping = new ReplaySubject<void>(1);
  /** Emits after anything changed: something settled, the end was read, a pipeline completed, the lease was lost. */
  readonly changes$ = this.#changes.asObservable();
  /** Emits the ranges of each stored block when it is released. */
  readonly releases$ = this.#releases.asObservable();
  /** Emits, once, when it is known where the shard stands; replays to late subscribers. */
  readonly opened$ = this.#opened.asObservable();
  /** Emits when the shard is to stop: what is subscribed from then on completes at once. */
  readonly stopping$ = this.#stopping.asObservable();
  /** Emits when another worker has the shard; completes without a value when the shard is released otherwise. */
  readonly leaseLost$ = this.#leaseLost.asObservable();
  #identity: ShardIdentity;
  #isLost = false;
  #isStopping = false;
  #isDrained = false;
  #isPipelineDone = false;
  #resumes = false;
  /** Whether a subscription to the shard's records lasts, or the last one completed by itself. */
  #isRead = false;
  #isCutShort = false;
  /** How many supervised pipelines run. */
  #pipelines = 0;

  constructor(options: TrackedShardOptions) {
    const {
      identity,
      store,
      notify = () => undefined,
      reasonOf = () => 'transient' as const,
      reread,
      requestTimeoutMs = 30_000,
      scheduler = asyncScheduler,
    } = options;
    this.#identity = identity;
    this.notify = notify;
    this.reread = reread;
    this.readStored = options.readStored ?? (() => of(undefined));
    this.ledger = new Ledger(() => this.noteChange());
    this.checkpointer = new Checkpointer({
      identity: () => this.#identity,
      store,
      notify,
      reasonOf,
      requestTimeoutMs,
      scheduler,
      progress: () => this.#progress,
      settledBeyond: () => (this.isFinished ? [] : this.ledger.settledBeyond()),
      unreleased: this.unreleased,
      lose: () => this.lose(),
    });
  }

  get identity(): ShardIdentity {
    return this.#identity;
  }

  /** More is known of the shard: where it begins, which its checkpoints say from now on, or what it became. What is known already stays. */
  identify({ startingSequenceNumber, childShards }: Pick<ShardIdentity, 'childShards' | 'startingSequenceNumber'>): void {
    const known = this.#identity;
    this.#identity = {
      ...known,
      startingSequenceNumber: known.startingSequenceNumber ?? startingSequenceNumber,
      childShards: known.childShards ?? childShards,
    };
  }

  /** Begins where the store says that the shard stands. */
  restore(checkpoint: Checkpoint): void {
    this.checkpointer.restore(checkpoint);
    this.ledger.settleThrough(checkpoint);
    this.unreleased.restore(checkpoint.unreleased ?? [], checkpoint);
  }

  /** It is known where the shard stands. */
  noteOpened(): void {
    this.#opened.next();
    this.#opened.complete();
  }

  /** Whether another worker has the shard: then nothing is written any more. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** Whether the shard is read to its end, everything is settled, and no supervised pipeline still runs: SHARD_END is earned. */
  get isFinished(): boolean {
    return this.#pipelines === 0 && this.ledger.hasEnded && this.isSettled;
  }

  /** Whether everything delivered is settled, and every stored block is released. */
  get isSettled(): boolean {
    return this.ledger.isSettled && this.unreleased.isEmpty;
  }

  /** Whether blocks are being worked on: not settled, or stored and not released. */
  get hasOpenBlocks(): boolean {
    return this.ledger.hasOpenEntries || this.unreleased.areInWork;
  }

  /** Whether a supervised pipeline runs: it says when all its work is done. */
  get isSupervised(): boolean {
    return this.#pipelines > 0;
  }

  /** Whether the pipeline says that nothing more will settle: it has completed. */
  get isDrained(): boolean {
    return this.#isPipelineDone || (this.#isDrained && !this.unreleased.areInWork);
  }

  /** Whether the next subscription resumes after the last delivered record, since the work on the others continues. */
  get resumes(): boolean {
    return this.#resumes;
  }

  /** A subscription begins to read. Unless it resumes, what is not settled is forgotten: it will be read again. */
  beginReading(): void {
    if (!this.#resumes) {
      this.ledger.restart();
      this.unreleased.restart(this.ledger.watermark);
    }
    this.#resumes = false;
    this.#isDrained = false;
    this.#isPipelineDone = false;
    this.#isCutShort = false;
    this.#isRead = true;
  }

  /** A subscription is over: it completed by itself, or it failed or was unsubscribed. */
  endReading(completed: boolean): void {
    this.#isRead = completed;
  }

  /** The next subscription resumes after the last delivered record: `recoverFrom` re-emits what was lost before. */
  resumeAfterDelivered(): void {
    this.#resumes = true;
  }

  /** `recoverFrom` is over: a later subscription is not its own. */
  cancelResume(): void {
    this.#resumes = false;
    this.noteChange();
  }

  /** A pipeline of the shard begins, whose completion will mean that the work on everything it was given is done. */
  beginPipeline(): void {
    this.#pipelines++;
  }

  /**
   * A pipeline is over. If it completed, no more will be read; nothing more will settle, unless it has left work to what follows it; and
   * no more blocks will be made, unless it has left records. Then, if it was given the shard to its end, what no block holds was
   * dropped on purpose. Before the end it may have cut off what nobody has seen (`take`, `takeUntil`).
   */
  endPipeline({ completed, leavesWork, leavesRecords }: PipelineEnd): void {
    this.#pipelines--;
    if (completed) this.#isCutShort = this.#pipelines === 0 && !this.#isRead && !this.#isStopping && !this.#isLost;
    const isComplete = completed && !this.#isLost;
    if (isComplete && !leavesRecords && this.ledger.hasEnded) this.ledger.dropUnclaimed();
    this.#isPipelineDone = isComplete && !leavesWork;
    this.noteChange();
  }

  /** Whether its pipeline completed by itself, and has not read the shard to its end: nobody reads it on. */
  get isCutShort(): boolean {
    return this.#isCutShort;
  }

  /** Nothing more will settle. */
  drain(): void {
    this.#isDrained = true;
    this.noteChange();
  }

  /** A stored block is done with. */
  release(ranges: SequenceNumberRanges): void {
    if (!this.unreleased.release(ranges)) return;
    this.#releases.next(ranges);
    this.noteChange();
  }

  /** Lets those who wait for a change look again. */
  noteChange(): void {
    this.#changes.next();
  }

  /** Whether the shard is to stop: a failed pipeline is not restarted. */
  get isStopping(): boolean {
    return this.#isStopping;
  }

  /** The shard is to stop. */
  stop(): void {
    this.#isStopping = true;
    this.#stopping.next();
  }

  /** The shard is released. */
  close(): void {
    this.#leaseLost.complete();
  }

  /** Another worker has the shard. */
  lose(): void {
    if (this.#isLost) return;
    this.#isLost = true;
    this.#leaseLost.next();
    this.#leaseLost.complete();
    this.noteChange();
  }

  get #progress(): Position | undefined {
    if (this.#isLost) return undefined;
    return this.isFinished ? { sequenceNumber: SHARD_END, subSequenceNumber: 0 } : this.ledger.watermark;
  }
}

/** What a shard carries, out of sight. Every copy of the package in a process finds it here. */
const TRACKED: unique symbol = Symbol.for('rx-kinesis/1/tracked') as never;

/** What tracks a shard that a source of this package made; `undefined` for one made by hand. */
export function trackedShardOf(shard: object): TrackedShard | undefined {
  return (shard as { readonly [TRACKED]?: TrackedShard })[TRACKED];
}

/** Ties a shard, as operators are given it, to what tracks it. */
export function bindTrackedShard(shard: object, tracked: TrackedShard): void {
  Object.defineProperty(shard, TRACKED, { value: tracked });
}

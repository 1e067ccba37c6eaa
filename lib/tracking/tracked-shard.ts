import { asyncScheduler, NEVER, of, ReplaySubject, Subject, type Observable } from 'rxjs';
import type { Checkpoint, CheckpointStore } from '../checkpoints/checkpoint-store.js';
import type { StoreCallLimits } from '../checkpoints/store-calls.js';
import { Ledger } from '../ledger/ledger.js';
import type { LedgerEntry } from '../ledger/entries.js';
import type { EventSink } from '../monitoring/events.js';
import type { Reread } from '../readers/reread.js';
import { SHARD_END, type Position } from '../values/position.js';
import type { SequenceNumberRange, SequenceNumberRanges } from '../values/sequence-range.js';
import type { ShardIdentity } from '../values/shard-id.js';
import { CheckpointContent, saysOther, storedInstead, withOwnRanges, type CheckpointFacts } from './checkpoint-content.js';
import type { CheckpointedShard, OfShard } from './checkpointed-shard.js';
import { Checkpointer, type CheckpointerOptions } from './checkpointer.js';
import { HeldWatermark, rangesOf } from './held-watermark.js';
import { StopSignal } from './stop-signal.js';
import { Tenure } from './tenure.js';
import { UnreleasedBlocks } from './unreleased-blocks.js';
import { WorkBehind, type PipelineEnd } from './work-behind.js';

/** The parts of a {@link TrackedShard}. */
export interface TrackedShardOptions extends Partial<StoreCallLimits> {
  readonly identity: ShardIdentity;
  readonly store?: CheckpointStore;
  /** The tenure of the shard's lease. @defaultValue one without a lease */
  readonly tenure?: Tenure | undefined;
  readonly notify?: EventSink;
  /** Stops the shard when it emits; subscribed as long as {@link TrackedShard.stopping$} is. @defaultValue never */
  readonly stop$?: Observable<unknown>;
  /** What a write to the store failed of. @defaultValue `'transient'` */
  readonly reasonOf?: CheckpointerOptions['reasonOf'];
  /** Absent for blocks that were made by hand. */
  readonly reread?: Reread;
  /** Emits, once, the checkpoint in a store (default: the shard's own), with the retries of the source. @defaultValue emits `undefined` */
  readonly readStored?: (store?: CheckpointStore) => Observable<Checkpoint | undefined>;
}

/**
 * The state of one shard that its source and the operators after it share.
 *
 * @remarks
 * The ledger knows what is delivered and settled, the checkpointer what is stored. This class adds the shard's life:
 * whether the lease is lost, whether a pipeline still runs, whether the next subscription resumes. Operators find it through a
 * record or the entries of a block.
 */
export class TrackedShard implements CheckpointedShard, CheckpointFacts {
  readonly notify: EventSink;
  readonly reread: Reread | undefined;
  readonly readStored: (store?: CheckpointStore) => Observable<Checkpoint | undefined>;
  readonly ledger: Ledger;
  readonly checkpointer: Checkpointer;
  /** What the checkpoints say. */
  readonly content: CheckpointContent;
  /** The blocks that `storeBlocks` has stored and `releaseBlocks` has not released. */
  readonly unreleased = new UnreleasedBlocks();
  readonly #changes = new Subject<void>();
  readonly #releases = new Subject<SequenceNumberRanges>();
  readonly #opened = new ReplaySubject<void>(1);
  /** Emits after anything changed: something settled, the end was read, a pipeline completed, the lease was lost. */
  readonly changes$ = this.#changes.asObservable();
  /** Emits the ranges of each stored block when it is released. */
  readonly releases$ = this.#releases.asObservable();
  /** Emits, once, when the shard's checkpoint has been read; replays to late subscribers. */
  readonly opened$ = this.#opened.asObservable();
  /** Emits when the shard must stop; replays to late subscribers, so a later subscription to the shard completes at once. Errors with `stop$`. */
  readonly stopping$: Observable<void>;
  /** Emits when the lease is lost, or given up while the shard is in use; completes without a value when the shard is released otherwise. */
  readonly leaseLost$: Observable<void>;
  /** Whether the subscriber of the shard is being completed: its subscription says so. */
  isCompleting = false;
  readonly #tenure: Tenure;
  readonly #signal: StopSignal;
  #identity: ShardIdentity;
  #isOpened = false;
  #isDrained = false;
  #isPipelineDone = false;
  /** The recovery for which the next subscription resumes. */
  #resumesFor: object | undefined;
  /** Whether a subscription to the shard's records is active, or the last one completed by itself. */
  #isRead = false;
  #isCutShort = false;
  /** What an ended pipeline has passed on. */
  #behind: WorkBehind | undefined;
  /** How many pipelines of `mergeShards` run. */
  #pipelines = 0;

  constructor(options: TrackedShardOptions) {
    const { identity, store, notify = () => undefined, reasonOf, tenure = new Tenure(), stop$ = NEVER } = options;
    const { requestTimeoutMs = 30_000, scheduler = asyncScheduler } = options;
    this.#identity = identity;
    this.notify = notify;
    this.reread = options.reread;
    this.#tenure = tenure;
    this.leaseLost$ = tenure.lost$;
    this.#signal = new StopSignal(stop$, tenure);
    this.stopping$ = this.#signal.stopping$;
    this.readStored = options.readStored ?? (() => of(undefined));
    this.ledger = new Ledger(() => this.noteChange());
    this.content = new CheckpointContent(this);
    this.checkpointer = new Checkpointer({
      store,
      notify,
      reasonOf,
      requestTimeoutMs,
      scheduler,
      saysOther,
      identity: () => this.#identity,
      currentFor: (to) => this.content.currentFor(to),
      storedInstead: (checkpoint, refusal, from) => storedInstead(checkpoint, refusal, this.readStored(from)),
      lose: () => this.lose(),
    });
    tenure.lost$.subscribe({ complete: () => this.noteChange(), error: () => undefined });
  }

  get identity(): ShardIdentity {
    return this.#identity;
  }

  /** How far the shard is done: its watermark, or SHARD_END once it is finished; `undefined` when nothing may be written. */
  get progress(): Position | undefined {
    if (!this.#tenure.isHeld) return undefined;
    return this.isFinished ? { sequenceNumber: SHARD_END, subSequenceNumber: 0 } : this.ledger.watermark;
  }

  /** The ranges that are settled beyond the watermark; none once the shard is finished. */
  get settledBeyond(): readonly SequenceNumberRange[] {
    return this.isFinished ? [] : this.ledger.settledBeyond();
  }

  /** Adds where the shard begins, which its checkpoints include from now on, or its children. Keeps what is known already. */
  identify({ startingSequenceNumber, childShards }: Pick<ShardIdentity, 'childShards' | 'startingSequenceNumber'>): void {
    const { streamName, shardId, parentShardIds, hashKeyRange, ...known } = this.#identity;
    this.#identity = {
      streamName,
      shardId,
      parentShardIds,
      hashKeyRange,
      startingSequenceNumber: known.startingSequenceNumber ?? startingSequenceNumber,
      childShards: known.childShards ?? childShards,
    };
  }

  /** Begins at the stored checkpoint. */
  restore(stored: Checkpoint): void {
    const checkpoint = withOwnRanges(stored);
    this.checkpointer.restore(checkpoint);
    this.content.restore(checkpoint);
    this.ledger.settleThrough(checkpoint);
    this.unreleased.restore(checkpoint.unreleased ?? [], checkpoint);
  }

  /** Notes that the shard's checkpoint has been read. */
  noteOpened(): void {
    this.#isOpened = true;
    this.#opened.next();
    this.#opened.complete();
  }

  /** Whether the shard's checkpoint has been read. */
  get isOpened(): boolean {
    return this.#isOpened;
  }

  /** Whether another worker has the shard: then nothing is written any more. */
  get isLost(): boolean {
    return this.#tenure.isLost;
  }

  /** Whether the shard is read to its end, everything is settled, and no supervised pipeline runs, so that SHARD_END may be written. */
  get isFinished(): boolean {
    return this.#pipelines === 0 && this.ledger.hasEnded && this.isSettled;
  }

  get isOver(): boolean {
    return this.isFinished || !this.#tenure.isHeld;
  }

  /** Whether everything delivered is settled, and every stored block is released. */
  get isSettled(): boolean {
    return this.ledger.isSettled && this.unreleased.isEmpty;
  }

  /** Whether blocks are being worked on: not settled, or stored and not released. */
  get hasOpenBlocks(): boolean {
    return this.ledger.hasOpenEntries || this.unreleased.areInWork;
  }

  /** Whether a supervised pipeline runs: its completion means that all its work is done. */
  get isSupervised(): boolean {
    return this.#pipelines > 0;
  }

  /** Whether nothing more will settle, since the pipeline or the blocks have ended. */
  get isDrained(): boolean {
    return this.#isPipelineDone || (this.#isDrained && !this.unreleased.areInWork);
  }

  /** Whether the next subscription resumes after the last delivered record, since the work on the delivered ones continues. */
  get resumes(): boolean {
    return this.#resumesFor !== undefined;
  }

  /** Notes that a subscription begins to read. Unless it resumes, forgets what is not settled, since it will be read again. */
  beginReading(): void {
    if (!this.resumes) {
      this.ledger.restart();
      this.unreleased.restart(this.ledger.watermark);
    }
    this.#resumesFor = undefined;
    this.#isDrained = false;
    this.#isPipelineDone = false;
    this.#isCutShort = false;
    this.#behind = undefined;
    this.#isRead = true;
  }

  /** Notes that a subscription has ended: it completed by itself, or it errored or was unsubscribed. */
  endReading(completed: boolean): void {
    this.#isRead = completed;
  }

  /**
   * Notes that what makes blocks of the shard's records, or its pipeline, completes. If that comes with the completion of the shard, the records in
   * no block were dropped on purpose. Before the shard's end, `take` or `takeUntil` has cut off records that nobody has seen. After it, they may
   * have cut off what an asynchronous operator still held: while the shard stops, such records are left to be read again.
   */
  dropUnclaimed(): void {
    if (this.ledger.hasEnded && (this.isCompleting || !this.isStopping)) this.ledger.dropUnclaimed();
  }

  /** Makes the next subscription resume after the last delivered record: `recoverFrom` re-emits what was lost before it. */
  resumeAfterDelivered(recovery: object): void {
    this.#resumesFor = recovery;
  }

  /** Ends a recovery: a later subscription is not its own. If another `recoverFrom`, downstream, goes on, its resume stays. */
  cancelResume(recovery: object): void {
    if (this.#resumesFor !== recovery) return;
    this.#resumesFor = undefined;
    this.noteChange();
  }

  /** Notes that a pipeline of the shard begins whose completion will mean that all its work is done. */
  beginPipeline(): void {
    this.#pipelines++;
  }

  /**
   * Notes that a pipeline has ended. If it completed, nothing more is read. Nothing more will settle either, unless the pipeline has
   * emitted unsettled work; and no more blocks will be made, unless it has emitted records: see {@link dropUnclaimed}.
   * If it failed while the shard stops, what has not left it does not settle.
   */
  endPipeline({ completed, leavesWork, leavesRecords, isBehind = () => false }: PipelineEnd): void {
    this.#pipelines--;
    this.#behind = new WorkBehind(this, { leavesRecords, isBehind });
    if (completed) this.#isCutShort = this.#pipelines === 0 && !this.#isRead && !this.isStopping && this.#tenure.isHeld;
    const isComplete = completed && this.#tenure.isHeld;
    if (isComplete && !leavesRecords) this.dropUnclaimed();
    this.#isPipelineDone = completed ? isComplete && !leavesWork : this.isStopping;
    this.noteChange();
  }

  /** Whether blocks that an ended pipeline has passed on are still being worked on. */
  get hasWorkBehind(): boolean {
    return this.#behind?.isOpen ?? false;
  }

  /** Whether the pipeline completed before the shard's end and without `stop`, so that nobody reads the rest. */
  get isCutShort(): boolean {
    return this.#isCutShort;
  }

  /** Notes that nothing more will settle. */
  drain(): void {
    this.#isDrained = true;
    this.#behind = undefined;
    this.noteChange();
  }

  /** Releases a stored block. */
  release(ranges: SequenceNumberRanges): void {
    if (!this.unreleased.release(ranges)) return;
    this.#releases.next(ranges);
    this.noteChange();
  }

  /** Settles the entry of a block, and reports it the first time. */
  settle(entry: LedgerEntry, nowMs: number): void {
    if (!this.ledger.settle(entry)) return;
    const { records, bytes, runs } = entry;
    const arrivedMs = runs.at(-1)?.arrivedMs;
    const lagMs = arrivedMs && Math.max(0, nowMs - arrivedMs);
    this.tell({ type: 'blockSettled', records, bytes, lagMs, hasOpenBlocks: this.hasOpenBlocks });
  }

  get isHeld(): boolean {
    return this.ledger.holdingEntry() !== undefined;
  }

  watchHeld(): (nowMs: number) => boolean {
    const watch = new HeldWatermark(this.ledger, (ranges, heldMs) => this.#tellHeld(ranges, heldMs));
    return (nowMs) => watch.look(nowMs);
  }

  reportDropped(): void {
    for (const entry of this.ledger.openEntries()) this.#tellHeld(rangesOf(entry), 0);
    for (const { ranges } of this.unreleased.leftOver) this.#tellHeld(ranges, 0);
  }

  tell(event: OfShard): void {
    const { streamName, shardId } = this.#identity;
    this.notify({ ...event, streamName, shardId });
  }

  /** Tells the subscribers of {@link changes$} to look again. */
  noteChange(): void {
    this.#changes.next();
  }

  /** Whether the shard must stop: then a failed pipeline is not restarted. */
  get isStopping(): boolean {
    return this.#signal.isStopping;
  }

  /** Whether it stops because another worker asks for it, which reads on from its checkpoint. */
  get isHandedOver(): boolean {
    return this.#signal.isHandOver;
  }

  /** Stops the reading of the shard. */
  stop(): void {
    this.#signal.stop();
  }

  /** Notes that the shard is released. */
  close(): void {
    this.#tenure.close();
  }

  /** Notes that another worker has the shard. */
  lose(): void {
    this.#tenure.lose();
  }

  #tellHeld(ranges: readonly SequenceNumberRange[], heldMs: number): void {
    this.tell({ type: 'watermarkHeld', ranges, heldMs });
  }
}

/** The hidden property of a shard that holds its state. Every copy of the package in a process finds it by this symbol. */
const TRACKED: unique symbol = Symbol.for('rx-kinesis/1/tracked') as never;

/** The state of a shard that a source of this package made; `undefined` for one made by hand. */
export function trackedShardOf(shard: object): TrackedShard | undefined {
  return (shard as { readonly [TRACKED]?: TrackedShard })[TRACKED];
}

/** Binds a shard, as operators get it, to its state. */
export function bindTrackedShard(shard: object, tracked: TrackedShard): void {
  Object.defineProperty(shard, TRACKED, { value: tracked });
}

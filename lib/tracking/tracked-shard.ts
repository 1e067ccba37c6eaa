import { asyncScheduler, NEVER, of, ReplaySubject, Subject, type Observable } from 'rxjs';
import type { Checkpoint, CheckpointStore } from '../checkpoints/checkpoint-store.js';
import { isLeaseLost } from '../checkpoints/errors.js';
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
import { ShardPipeline } from './shard-pipeline.js';
import { StopSignal } from './stop-signal.js';
import { Tenure } from './tenure.js';
import { UnreleasedBlocks } from './unreleased-blocks.js';

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
  /** Emits, once, the checkpoint in the store, with the retries of the source. @defaultValue emits `undefined` */
  readonly readStored?: () => Observable<Checkpoint | undefined>;
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
  readonly readStored: () => Observable<Checkpoint | undefined>;
  readonly ledger: Ledger;
  readonly checkpointer: Checkpointer;
  /** What is known of who reads the shard. */
  readonly pipeline: ShardPipeline;
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
  readonly #tenure: Tenure;
  readonly #signal: StopSignal;
  #identity: ShardIdentity;
  #isOpened = false;
  #isToldReleased = false;
  /** The recovery for which the next subscription resumes. */
  #resumesFor: object | undefined;

  constructor(options: TrackedShardOptions) {
    const { identity, store, notify = () => undefined, reasonOf, tenure = new Tenure(), stop$ = NEVER } = options;
    const { requestTimeoutMs = 30_000, scheduler = asyncScheduler } = options;
    this.#identity = identity;
    this.notify = notify;
    this.reread = options.reread;
    this.#tenure = tenure;
    this.leaseLost$ = tenure.lost$;
    this.#signal = new StopSignal(stop$, tenure, scheduler);
    this.stopping$ = this.#signal.stopping$;
    this.readStored = options.readStored ?? (() => of(undefined));
    this.ledger = new Ledger(() => this.noteChange());
    this.pipeline = new ShardPipeline(this, tenure);
    this.content = new CheckpointContent(this, store);
    this.checkpointer = new Checkpointer({
      store,
      // A lost lease is told by the release of the shard, and the write that it refused is not tried again.
      notify: (event) => {
        if (event.type !== 'checkpointFailed' || !isLeaseLost(event.error)) notify(event);
      },
      reasonOf,
      requestTimeoutMs,
      scheduler,
      saysOther,
      identity: () => this.#identity,
      current: () => this.content.current(),
      storedInstead: (checkpoint, refusal) => storedInstead(checkpoint, refusal, this.readStored()),
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
    return !this.pipeline.isSupervised && this.hasNothingLeft;
  }

  /** Whether the shard is read to its end and everything is settled: a later subscription has nothing to read. */
  get hasNothingLeft(): boolean {
    return this.ledger.hasEnded && this.isSettled;
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

  /** Whether the next subscription resumes after the last delivered record, since the work on the delivered ones continues. */
  get resumes(): boolean {
    return this.#resumesFor !== undefined;
  }

  /** Notes that a subscription begins. Unless it resumes or has nothing to read, forgets what is not settled, since it will be read again. */
  beginReading(): void {
    this.#isToldReleased = false;
    if (!this.resumes && !this.hasNothingLeft) {
      this.ledger.restart();
      this.unreleased.restart(this.ledger.watermark);
    }
    this.#resumesFor = undefined;
    this.pipeline.beginReading();
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

  drain(): void {
    this.pipeline.drain();
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
    const { arrivedMs = NaN } = runs.at(-1) ?? {};
    // A Date may be invalid; 0 is a time too, where time is virtual.
    const lagMs = Number.isNaN(arrivedMs) ? undefined : Math.max(0, nowMs - arrivedMs);
    this.tell({ type: 'blockSettled', records, bytes, lagMs, hasOpenBlocks: this.hasOpenBlocks });
  }

  get isHeld(): boolean {
    return this.ledger.holdingEntry() !== undefined;
  }

  watchHeld(): (nowMs: number) => boolean {
    const watch = new HeldWatermark(this.ledger, (event) => this.tell(event));
    return (nowMs) => watch.look(nowMs);
  }

  reportDropped(): void {
    for (const entry of this.ledger.openEntries()) this.#tellDropped(rangesOf(entry));
    for (const { ranges } of this.unreleased.leftOver) this.#tellDropped(ranges);
  }

  /** Tells an event of the shard. After the release none: work that a lost lease leaves behind is not of a shard that is read here. */
  tell(event: OfShard): void {
    if (this.#isToldReleased) return;
    this.#isToldReleased = event.type === 'shardReleased';
    const { streamName, shardId } = this.#identity;
    const notify = (): void => this.notify({ ...event, streamName, shardId });
    // The pipeline must not complete before it has the block by whose event it is stopped: nobody would settle it.
    if (event.type === 'blockOpened') this.#signal.holdBack(notify);
    else notify();
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

  #tellDropped(ranges: readonly SequenceNumberRange[]): void {
    this.tell({ type: 'watermarkHeld', ranges, heldMs: 0 });
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

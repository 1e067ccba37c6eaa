import type { SequenceNumberRanges } from '../values/sequence-range.js';
import type { Tenure } from './tenure.js';
import { WorkBehind, type OpenBlocks } from './work-behind.js';

/** How a pipeline ended: `leavesWork` if it has emitted unsettled blocks or records, `leavesRecords` if it has emitted records. */
export interface PipelineEnd {
  readonly completed: boolean;
  readonly leavesWork: boolean;
  readonly leavesRecords: boolean;
  /** Whether the pipeline has emitted the block with these ranges, so that others work on it. @defaultValue none */
  readonly isBehind?: (ranges: SequenceNumberRanges) => boolean;
}

/** The state of the shard that is read. */
interface ReadShard extends OpenBlocks {
  /** Whether the shard must stop. */
  readonly isStopping: boolean;
  /** Called when more or less work will be settled. */
  noteChange(): void;
}

/** What is known of who reads a shard: whether that goes on, how it ended, and so whether more work will be settled. */
export class ShardPipeline {
  /** Whether the subscriber of the shard is being completed: its subscription says so. */
  isCompleting = false;
  readonly #shard: ReadShard;
  readonly #tenure: Tenure;
  /** How many pipelines of `mergeShards` run. */
  #running = 0;
  /** Whether a subscription to the shard's records is active, or the last one completed by itself. */
  #isRead = false;
  #isDrained = false;
  #isDone = false;
  #isCutShort = false;
  /** What an ended pipeline has passed on. */
  #behind: WorkBehind | undefined;

  constructor(shard: ReadShard, tenure: Tenure) {
    this.#shard = shard;
    this.#tenure = tenure;
  }

  /** Whether a supervised pipeline runs: its completion means that all its work is done. */
  get isSupervised(): boolean {
    return this.#running > 0;
  }

  /** Whether nothing more will settle, since the pipeline or the blocks have ended. */
  get isDrained(): boolean {
    return this.#isDone || (this.#isDrained && !this.#shard.unreleased.areInWork);
  }

  /** Whether the pipeline completed before the shard's end and without `stop`, so that nobody reads the rest. */
  get isCutShort(): boolean {
    return this.#isCutShort;
  }

  /** Whether blocks that an ended pipeline has passed on are still being worked on. */
  get hasWorkBehind(): boolean {
    return this.#behind?.isOpen ?? false;
  }

  /** Notes that a subscription to the shard begins. */
  beginReading(): void {
    this.isCompleting = false;
    this.#isDrained = false;
    this.#isDone = false;
    this.#isCutShort = false;
    this.#behind = undefined;
    this.#isRead = true;
  }

  /** Notes that a subscription has ended: it completed by itself, or it errored or was unsubscribed. */
  endReading(completed: boolean): void {
    this.#isRead = completed;
  }

  /** Notes that a pipeline of the shard begins whose completion will mean that all its work is done. */
  begin(): void {
    this.#running++;
  }

  /**
   * Notes that a pipeline has ended. If it completed, nothing more is read. Nothing more will settle either, unless the pipeline has
   * emitted unsettled work; and no more blocks will be made, unless it has emitted records: see {@link dropUnclaimed}.
   * If it failed while the shard stops, what has not left it does not settle.
   */
  end({ completed, leavesWork, leavesRecords, isBehind = () => false }: PipelineEnd): void {
    const shard = this.#shard;
    const { isHeld } = this.#tenure;
    this.#running--;
    this.#behind = new WorkBehind(shard, { leavesRecords, isBehind });
    if (completed) this.#isCutShort = this.#running === 0 && !this.#isRead && !shard.isStopping && isHeld;
    if (completed && isHeld && !leavesRecords) this.dropUnclaimed();
    this.#isDone = completed ? isHeld && !leavesWork : shard.isStopping;
    shard.noteChange();
  }

  /**
   * Notes that what makes blocks of the shard's records, or its pipeline, completes. If that comes with the completion of the shard, the records in
   * no block were dropped on purpose. Before the shard's end, `take` or `takeUntil` has cut off records that nobody has seen. After it, they may
   * have cut off what an asynchronous operator still held: while the shard stops, such records are left to be read again.
   */
  dropUnclaimed(): void {
    const { ledger, isStopping } = this.#shard;
    if (ledger.hasEnded && (this.isCompleting || !isStopping)) ledger.dropUnclaimed();
  }

  /** Notes that nothing more will settle. */
  drain(): void {
    this.#isDrained = true;
    this.#behind = undefined;
    this.#shard.noteChange();
  }
}

import type { Checkpoint } from '../checkpoints/checkpoint-store.js';
import { openBlock } from '../tracking/tracked-block.js';
import { TrackedRecord } from '../tracking/tracked-record.js';
import type { Block } from '../values/block.js';
import { comparePositions, type Position } from '../values/position.js';
import type { KinesisRecord, RecordFields } from '../values/record.js';
import { endOf, rangeOf, startOf, type SequenceNumberRange } from '../values/sequence-range.js';
import type { LostRecords } from './lost-work.js';

/** Gives re-read records the places that the lost ones had in the ledger. */
export class RecordRestorer {
  readonly #lost: LostRecords;
  readonly #stored: Checkpoint | undefined;
  #ordinal: number;
  #bytesThrough: number;

  /** @param stored - the checkpoint in the store: what it says is done, by whichever worker, is not re-emitted. */
  constructor(lost: LostRecords, stored: Checkpoint | undefined) {
    const { run, after } = lost;
    this.#lost = lost;
    this.#stored = stored;
    this.#ordinal = Math.max(run.firstOrdinal, after.ordinal + 1);
    this.#bytesThrough = isCut(lost) ? after.bytesThrough : run.bytesBefore;
  }

  /** The lost records of a page, or one block of them. */
  restore(page: readonly RecordFields[]): (Block | KinesisRecord)[] {
    const { after, asBlocks, shard } = this.#lost;
    // By position and not by count: under `onGap: 'continue'` records before the lost ones may be missing.
    const lost = page.filter((fields) => isAfter(fields, after.position));
    this.#skipMissing(lost);
    const records = lost.map((fields) => this.#place(fields));
    const due = records.filter((record) => !shard.content.settledBefore.include(record) && !isDone(record, this.#stored));
    if (!asBlocks) return due;
    return due.length > 0 ? [openBlock(due, true)] : [];
  }

  /** Counts a page that reaches the end of the run from there: how many of the lost records are missing before it is not known otherwise. */
  #skipMissing(page: readonly RecordFields[]): void {
    const { run } = this.#lost;
    const last = page.at(-1);
    if (!last || isAfter(run.last, last)) return;
    this.#ordinal = run.lastOrdinal - page.length + 1;
    this.#bytesThrough = run.bytesThrough - page.reduce((sum, fields) => sum + this.#bytesOf(fields), 0);
  }

  #place(fields: RecordFields): TrackedRecord {
    this.#bytesThrough += this.#bytesOf(fields);
    return new TrackedRecord(this.#lost.shard, fields, this.#ordinal++, this.#bytesThrough);
  }

  /** The payload bytes of a record, none if an earlier process has settled it: then it was not delivered. */
  #bytesOf(fields: RecordFields): number {
    return this.#lost.shard.content.settledBefore.include(fields) ? 0 : fields.data.byteLength;
  }
}

/** Whether a checkpoint says that the work on a record is done: that on a block which it names is not. */
function isDone(position: Position, checkpoint: Checkpoint | undefined): boolean {
  if (!checkpoint || isAfter(position, checkpoint)) return false;
  const holds = (range: SequenceNumberRange): boolean => !isAfter(startOf(range), position) && !isAfter(position, endOf(range));
  return !checkpoint.unreleased?.some(({ ranges }) => ranges.some(holds));
}

function isAfter(position: Position, other: Position | undefined): boolean {
  return !other || comparePositions(position, other) > 0;
}

/** The range to re-read: the whole run, or the run from its last record that is not lost, which proves that no record is missing. */
export function rangeOfLost(lost: LostRecords): SequenceNumberRange {
  const { shard, run, after } = lost;
  const [first, firstOrdinal] = isCut(lost) ? [after.position ?? run.first, after.ordinal] : [run.first, run.firstOrdinal];
  return rangeOf(shard.identity, first, run.last, run.lastOrdinal - firstOrdinal + 1);
}

/** Whether the first page of the range to re-read shows that records are missing before it. */
export function isBeheaded(lost: LostRecords, [first]: readonly Position[]): boolean {
  return isAfter(first!, startOf(rangeOfLost(lost)));
}

/** Whether the head of the run is not lost. */
function isCut({ run, after }: LostRecords): boolean {
  return after.position !== undefined && after.ordinal >= run.firstOrdinal;
}

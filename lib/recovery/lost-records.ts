import { TrackedRecord } from '../tracking/tracked-record.js';
import type { LostRecords } from './lost-work.js';
import { openBlock } from '../tracking/tracked-block.js';
import type { Block } from '../values/block.js';
import { comparePositions, type Position } from '../values/position.js';
import type { SequenceNumberRange } from '../values/sequence-range.js';
import type { TrackedShard } from '../tracking/tracked-shard.js';
import type { KinesisRecord, RecordFields } from '../values/record.js';

/** The pages of a lost piece, read again, on their way back to where its records stood in the ledger. */
export class RecordRestorer {
  readonly #lost: LostRecords;
  readonly #account: TrackedShard;
  #ordinal: number;
  #bytesThrough: number;

  constructor(lost: LostRecords, account: TrackedShard) {
    this.#lost = lost;
    this.#account = account;
    this.#ordinal = Math.max(lost.piece.firstOrdinal, lost.after.ordinal + 1);
    this.#bytesThrough = isCut(lost) ? lost.after.bytesThrough : lost.piece.bytesBefore;
  }

  /** The lost records of a page, or the block that they make. */
  restore(page: readonly RecordFields[], settled: Position | undefined): (Block | KinesisRecord)[] {
    const { after, asBlocks } = this.#lost;
    // By position and not by count: under `onGap: 'continue'` records ahead of the lost ones may be missing.
    const records = page.filter((fields) => isBehind(fields, after.position)).map((fields) => this.#place(fields));
    const due = records.filter((record) => !this.#account.restored.include(record) && isBehind(record, settled));
    if (!asBlocks) return due;
    return due.length > 0 ? [openBlock(due, true)] : [];
  }

  #place(fields: RecordFields): TrackedRecord {
    const { streamName, shardId } = this.#account.shard;
    // What an earlier process has settled was not delivered, and is not counted.
    if (!this.#account.restored.include(fields)) this.#bytesThrough += fields.data.byteLength;
    return new TrackedRecord(streamName, shardId, fields, this.#lost.ledger, this.#ordinal++, this.#bytesThrough);
  }
}

function isBehind(position: Position, other: Position | undefined): boolean {
  return !other || comparePositions(position, other) > 0;
}

/** What to read again of a piece: all of it, or from the last record on that is not lost, which proves that none is missing. */
export function rangeOfLost(lost: LostRecords): SequenceNumberRange {
  const { ledger, piece, after } = lost;
  const { streamName, shardId } = (ledger.owner as TrackedShard).shard;
  const [first, firstOrdinal] = isCut(lost) ? [after.position ?? piece.first, after.ordinal] : [piece.first, piece.firstOrdinal];
  return {
    streamName,
    shardId,
    fromSeqNumber: first.sequenceNumber,
    toSeqNumber: piece.last.sequenceNumber,
    fromSubSeqNumber: first.subSequenceNumber,
    toSubSeqNumber: piece.last.subSequenceNumber,
    recordCount: piece.lastOrdinal - firstOrdinal + 1,
  };
}

/** Whether the head of the piece is not lost. */
function isCut({ piece, after }: LostRecords): boolean {
  return after.position !== undefined && after.ordinal >= piece.firstOrdinal;
}

import { DeliveredRecord, type RecordFields } from '../ledger/delivered-record.js';
import type { LostPiece } from '../ledger/lost-work.js';
import { openBlock } from '../ledger/tracked-block.js';
import type { Block } from '../values/block.js';
import { comparePositions, type Position } from '../values/position.js';
import type { KinesisRecord } from '../values/record.js';
import type { SequenceNumberRange } from '../values/sequence-range.js';
import type { ShardAccount } from './shard-account.js';

/** The pages of a lost piece, read again, on their way back to where its records stood in the ledger. */
export class PieceRestoring {
  readonly #lost: LostPiece;
  readonly #account: ShardAccount;
  #ordinal: number;
  #bytesThrough: number;

  constructor(lost: LostPiece, account: ShardAccount) {
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

  #place(fields: RecordFields): DeliveredRecord {
    const { streamName, shardId } = this.#account.shard;
    // What an earlier process has settled was not delivered, and is not counted.
    if (!this.#account.restored.include(fields)) this.#bytesThrough += fields.data.byteLength;
    return new DeliveredRecord(streamName, shardId, fields, this.#lost.ledger, this.#ordinal++, this.#bytesThrough);
  }
}

function isBehind(position: Position, other: Position | undefined): boolean {
  return !other || comparePositions(position, other) > 0;
}

/** What to read again of a piece: all of it, or from the last record on that is not lost, which proves that none is missing. */
export function rangeOfPiece(lost: LostPiece): SequenceNumberRange {
  const { ledger, piece, after } = lost;
  const { streamName, shardId } = (ledger.owner as ShardAccount).shard;
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
function isCut({ piece, after }: LostPiece): boolean {
  return after.position !== undefined && after.ordinal >= piece.firstOrdinal;
}

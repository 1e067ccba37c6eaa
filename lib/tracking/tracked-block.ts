import { makeBlock, type Block } from '../values/block.js';
import type { KinesisRecord } from '../values/record.js';
import { SequenceNumberRanges, type SequenceNumberRange } from '../values/sequence-range.js';
import { TrackedRecord } from './tracked-record.js';
import type { Run } from '../ledger/entries.js';
import type { Ledger, LedgerEntry } from '../ledger/ledger.js';

/** The entries of each block that is out, by its ranges: one entry a shard, and one look-up a block and not a record. */
const entriesByRanges = new WeakMap<SequenceNumberRanges, readonly LedgerEntry[]>();

/** The entries of the block with this instance of ranges; none for a block made by hand. */
export function entriesOf(ranges: SequenceNumberRanges): readonly LedgerEntry[] {
  return entriesByRanges.get(ranges) ?? [];
}

/** Gives the entries of a block that was lost to the block that replaces it. */
export function replaceBlock(lost: SequenceNumberRanges, replacement: SequenceNumberRanges): void {
  const entries = entriesOf(lost);
  for (const entry of entries) entry.key = replacement;
  entriesByRanges.set(replacement, entries);
}

/**
 * Makes a block of records and opens its entry in the ledger of each shard that they come from.
 *
 * @remarks
 * A run ends where the shard changes and where the reading had a record that is not here (dropped by a filter): a range
 * names exactly the records that the block holds.
 *
 * @throws OutOfOrderError when a record comes twice or after a later one.
 */
export function openBlock(records: readonly KinesisRecord[], recovered = false): Block {
  const pieces = cutIntoRuns(records);
  const ranges = new SequenceNumberRanges(pieces.map((piece) => piece.range));
  const entries = openEntries(ranges, pieces);
  if (entries.length > 0) entriesByRanges.set(ranges, entries);
  return makeBlock(records, ranges, recovered);
}

/** A run as it is cut, and the ledger that its records come from. */
interface Piece extends Run {
  readonly ledger: Ledger | undefined;
}

function cutIntoRuns(records: readonly KinesisRecord[]): Piece[] {
  const pieces: Piece[] = [];
  let start = 0;
  for (let i = 1; i <= records.length; i++) {
    if (i < records.length && TrackedRecord.follows(records[i - 1]!, records[i]!)) continue;
    pieces.push(makePiece(records[start]!, records[i - 1]!, i - start));
    start = i;
  }
  return pieces;
}

function makePiece(first: KinesisRecord, last: KinesisRecord, recordCount: number): Piece {
  const range: SequenceNumberRange = {
    streamName: first.streamName,
    shardId: first.shardId,
    fromSeqNumber: first.sequenceNumber,
    toSeqNumber: last.sequenceNumber,
    fromSubSeqNumber: first.subSequenceNumber,
    toSubSeqNumber: last.subSequenceNumber,
    recordCount,
  };
  const from = TrackedRecord.deliveryOf(first);
  const to = TrackedRecord.deliveryOf(last);
  if (!from || !to) return { range, ledger: undefined, firstOrdinal: 0, lastOrdinal: 0, bytes: 0, bytesThrough: 0 };
  const bytes = to.bytesThrough - from.bytesThrough + first.data.byteLength;
  return { range, ledger: from.ledger, firstOrdinal: from.ordinal, lastOrdinal: to.ordinal, bytes, bytesThrough: to.bytesThrough };
}

function openEntries(ranges: SequenceNumberRanges, pieces: readonly Piece[]): LedgerEntry[] {
  const byLedger = new Map<Ledger, Piece[]>();
  for (const piece of pieces) {
    if (!piece.ledger) continue;
    const own = byLedger.get(piece.ledger);
    if (own) own.push(piece);
    else byLedger.set(piece.ledger, [piece]);
  }
  return [...byLedger].map(([ledger, own]) => ledger.open(ranges, own));
}

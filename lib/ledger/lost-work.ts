import type { Block } from '../values/block.js';
import type { KinesisRecord } from '../values/record.js';
import type { SequenceNumberRanges } from '../values/sequence-range.js';
import { DeliveredRecord } from './delivered-record.js';
import type { Unclaimed } from './deliveries.js';
import type { Ledger } from './ledger.js';
import { entriesOf } from './tracked-block.js';

/** Records that were delivered and had not come into a block: they come back as records from here on. */
export interface LostPiece {
  readonly ledger: Ledger;
  readonly piece: Unclaimed;
  /** The last ordinal that is not lost. */
  readonly afterOrdinal: number;
  /** Whether blocks are to be made of them. */
  readonly asBlocks: boolean;
}

/** What a failure upstream has taken away, in the order in which it is to come again. */
export interface Lost {
  /** Blocks, by their ranges. */
  readonly blocks: readonly SequenceNumberRanges[];
  readonly pieces: readonly LostPiece[];
  /** The ledgers whose reading may go on after the last delivered record, once all this has come again. */
  readonly ledgers: readonly Ledger[];
}

/**
 * Watches what passes a place in a pipeline, to tell after a failure what was delivered and has not passed.
 *
 * @remarks
 * Pure. A ledger of which nothing has passed is left out: its reading begins anew at its watermark, and nothing is repeated
 * by that. Blocks that have passed are being worked on further down: they are not lost.
 */
export class LostWork {
  /** The ledgers seen, and for those seen as records the last ordinal that passed. */
  readonly #seen = new Map<Ledger, number | 'blocks'>();
  readonly #passed = new WeakSet<SequenceNumberRanges>();
  /** Blocks that an error named as lost, until they have come again. */
  readonly #named = new Set<SequenceNumberRanges>();

  /** A block or a record passes. */
  notePassed(value: Block | KinesisRecord): void {
    if ('ranges' in value) this.#notePassedBlock(value.ranges);
    else {
      const delivery = DeliveredRecord.deliveryOf(value);
      if (delivery) this.#seen.set(delivery.ledger, delivery.ordinal);
    }
  }

  /** An error names a block as lost. */
  noteLost(ranges: SequenceNumberRanges): void {
    this.#named.add(ranges);
    for (const { ledger } of entriesOf(ranges)) if (!this.#seen.has(ledger)) this.#seen.set(ledger, 'blocks');
  }

  /** A lost block has come again. */
  noteRecovered(ranges: SequenceNumberRanges): void {
    this.#named.delete(ranges);
  }

  /** What is lost if the source fails now. */
  find(): Lost {
    const blocks = new Set(this.#named);
    const pieces: LostPiece[] = [];
    const ledgers: Ledger[] = [];
    for (const [ledger, passed] of this.#seen) {
      if (ledger.isFinished) this.#seen.delete(ledger);
      else {
        ledgers.push(ledger);
        if (passed === 'blocks') for (const { key } of ledger.openEntries()) if (!this.#passed.has(key)) blocks.add(key);
        pieces.push(...piecesOf(ledger, passed));
      }
    }
    return { blocks: [...blocks], pieces, ledgers };
  }

  #notePassedBlock(ranges: SequenceNumberRanges): void {
    this.#passed.add(ranges);
    for (const { ledger } of entriesOf(ranges)) this.#seen.set(ledger, 'blocks');
  }
}

function piecesOf(ledger: Ledger, passed: number | 'blocks'): LostPiece[] {
  const asBlocks = passed === 'blocks';
  const afterOrdinal = asBlocks ? ledger.claimedOrdinal : passed;
  return ledger.unclaimedAfter(afterOrdinal).map((piece) => ({ ledger, piece, afterOrdinal, asBlocks }));
}

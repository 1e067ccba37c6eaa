import type { LedgerEntry } from '../ledger/entries.js';
import type { Ledger } from '../ledger/ledger.js';
import type { SequenceNumberRange } from '../values/sequence-range.js';

/** Watches, for one `checkpointEvery`, the open block that holds a shard's watermark although a later one is settled. */
export class HeldWatermark {
  readonly #ledger: Ledger;
  readonly #report: (ranges: readonly SequenceNumberRange[], heldMs: number) => void;
  /** The block that held the watermark at the last look. */
  #held: { readonly entry: LedgerEntry; readonly sinceMs: number; isReported: boolean } | undefined;

  /** @param report - called with the ranges of the block, and for how long it has held the watermark, in ms. */
  constructor(ledger: Ledger, report: (ranges: readonly SequenceNumberRange[], heldMs: number) => void) {
    this.#ledger = ledger;
    this.#report = report;
  }

  /** Reports, once, a block that has held the watermark since the last look. Returns whether another one does now. */
  look(nowMs: number): boolean {
    const entry = this.#ledger.holdingEntry();
    if (!entry) return false;
    if (this.#held?.entry !== entry) {
      this.#held = { entry, sinceMs: nowMs, isReported: false };
      return true;
    }
    if (!this.#held.isReported) {
      this.#held.isReported = true;
      this.#report(rangesOf(entry), Math.max(0, nowMs - this.#held.sinceMs));
    }
    return false;
  }
}

/** The ranges of the part of a block that lies in one shard. */
export function rangesOf({ runs }: LedgerEntry): readonly SequenceNumberRange[] {
  return runs.map((run) => run.range);
}

import type { LedgerEntry } from '../ledger/entries.js';
import type { Ledger } from '../ledger/ledger.js';
import type { SequenceNumberRange } from '../values/sequence-range.js';
import type { OfShard } from './checkpointed-shard.js';

/** Watches, for one `checkpointEvery`, the open block that holds a shard's watermark although a later one is settled. */
export class HeldWatermark {
  readonly #ledger: Ledger;
  readonly #tell: (event: OfShard) => void;
  /** The block that held the watermark at the last look. */
  #held: { readonly entry: LedgerEntry; readonly sinceMs: number; isReported: boolean } | undefined;

  /** @param tell - called with the event of a block that has held the watermark, and of its end. */
  constructor(ledger: Ledger, tell: (event: OfShard) => void) {
    this.#ledger = ledger;
    this.#tell = tell;
  }

  /** Reports, once, a block that has held the watermark since the last look, and that a reported one does so no more. Returns whether another one does now. */
  look(nowMs: number): boolean {
    const entry = this.#ledger.holdingEntry();
    if (this.#held?.entry !== entry) {
      if (this.#held?.isReported) this.#report('watermarkFreed', nowMs);
      this.#held = entry && { entry, sinceMs: nowMs, isReported: false };
      return entry !== undefined;
    }
    if (this.#held && !this.#held.isReported) {
      this.#held.isReported = true;
      this.#report('watermarkHeld', nowMs);
    }
    return false;
  }

  #report(type: 'watermarkFreed' | 'watermarkHeld', nowMs: number): void {
    const { entry, sinceMs } = this.#held!;
    this.#tell({ type, ranges: rangesOf(entry), heldMs: Math.max(0, nowMs - sinceMs) });
  }
}

/** The ranges of the part of a block that lies in one shard. */
export function rangesOf({ runs }: LedgerEntry): readonly SequenceNumberRange[] {
  return runs.map((run) => run.range);
}

import type { LedgerEntry } from '../ledger/entries.js';
import type { TrackedShard } from './tracked-shard.js';

/** Reports blocks that hold the watermark from one look to the next although later ones are settled: each once. */
export class WatermarkWatch {
  readonly #held = new WeakMap<TrackedShard, { readonly entry: LedgerEntry; readonly sinceMs: number; reported: boolean }>();

  /** Looks at a shard. Returns whether to look again. */
  look(account: TrackedShard, nowMs: number): boolean {
    const entry = account.ledger.holdingEntry();
    if (!entry) return false;
    const held = this.#held.get(account);
    if (held?.entry !== entry) {
      this.#held.set(account, { entry, sinceMs: nowMs, reported: false });
      return true;
    }
    if (!held.reported) {
      held.reported = true;
      report(account, entry, nowMs - held.sinceMs);
    }
    return false;
  }

  /** The stream is over: whatever is open will never be settled. */
  end(account: TrackedShard): void {
    for (const entry of account.ledger.openEntries()) report(account, entry, 0);
  }
}

function report({ notify, identity: { streamName, shardId } }: TrackedShard, entry: LedgerEntry, heldMs: number): void {
  notify({ type: 'watermarkHeld', streamName, shardId, ranges: entry.runs.map((run) => run.range), heldMs });
}

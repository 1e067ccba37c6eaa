import type { LedgerEntry } from '../ledger/entries.js';
import type { Ledger } from '../ledger/ledger.js';
import type { SequenceNumberRanges } from '../values/sequence-range.js';
import type { UnreleasedBlocks } from './unreleased-blocks.js';

/** The state of a shard in which blocks are open. */
interface OpenBlocks {
  readonly ledger: Ledger;
  readonly unreleased: UnreleasedBlocks;
  readonly hasOpenBlocks: boolean;
}

/** How a pipeline ended: `leavesWork` if it has emitted unsettled blocks or records, `leavesRecords` if it has emitted records. */
export interface PipelineEnd {
  readonly completed: boolean;
  readonly leavesWork: boolean;
  readonly leavesRecords: boolean;
  /** Whether the pipeline has emitted the block with these ranges, so that others work on it. @defaultValue none */
  readonly isBehind?: (ranges: SequenceNumberRanges) => boolean;
}

/** The blocks that a pipeline had passed on when it ended, and that others still work on. */
export class WorkBehind {
  readonly #shard: OpenBlocks;
  readonly #leavesRecords: boolean;
  /** The newest last. They are removed from the end: mostly the oldest are done first, so that a look takes constant time on average. */
  readonly #entries: LedgerEntry[];
  readonly #stored: SequenceNumberRanges[];

  /**
   * @param isBehind - whether the pipeline has emitted the block with these ranges.
   * @param leavesRecords - whether it has emitted records: then every block is made behind it, later ones too.
   */
  constructor(
    shard: OpenBlocks,
    { leavesRecords, isBehind }: { readonly leavesRecords: boolean; readonly isBehind: (ranges: SequenceNumberRanges) => boolean },
  ) {
    this.#shard = shard;
    this.#leavesRecords = leavesRecords;
    this.#entries = shard.ledger.openEntries().filter(({ key }) => isBehind(key));
    this.#stored = shard.unreleased.inWork.filter(isBehind);
  }

  /** Whether one of the blocks is not settled, or stored and not released. */
  get isOpen(): boolean {
    if (this.#leavesRecords) return this.#shard.hasOpenBlocks;
    while (this.#entries.length > 0 && this.#entries.at(-1)?.state !== 'open') this.#entries.pop();
    while (this.#stored.length > 0 && !this.#shard.unreleased.has(this.#stored.at(-1)!)) this.#stored.pop();
    return this.#entries.length > 0 || this.#stored.length > 0;
  }
}

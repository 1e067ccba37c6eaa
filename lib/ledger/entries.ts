import type { Position } from '../values/position.js';
import { joinRanges, type SequenceNumberRange, type SequenceNumberRanges } from '../values/sequence-range.js';

/** A run of consecutive records in a block: its range, and the ordinals of its ends. */
export interface Run {
  readonly range: SequenceNumberRange;
  readonly firstOrdinal: number;
  readonly lastOrdinal: number;
  /** The payload bytes of its records. */
  readonly bytes: number;
  /** The payload bytes delivered up to and with its last record. */
  readonly bytesThrough: number;
  /** When Kinesis received its last record, in ms, where that is known. */
  readonly arrivedMs?: number | undefined;
}

/** The part of one block that lies in one shard. */
export interface LedgerEntry {
  /** The ranges of the block; this instance identifies it. `recoverFrom` puts those of the replacement here. */
  key: SequenceNumberRanges;
  readonly runs: readonly Run[];
  /** The place of its last record. */
  readonly end: Position;
  readonly records: number;
  readonly bytes: number;
  state: 'open' | 'settled' | 'dropped';
}

/**
 * The entries of one shard, in the order in which their blocks were made, from the first that is not settled.
 *
 * @remarks Pure. Entering and settling take constant time on average, whatever the number of entries and the order of settling.
 */
export class Entries {
  #entries: LedgerEntry[] = [];
  /** The entries before this index are settled and at or before the watermark. */
  #head = 0;
  #open = 0;
  #heldRecords = 0;
  #heldBytes = 0;

  /** How many entries are open. */
  get open(): number {
    return this.#open;
  }

  /** The records of the open entries, and of the settled ones after an open one: a crash would repeat them. */
  get heldRecords(): number {
    return this.#heldRecords;
  }

  /** The payload bytes of {@link heldRecords}. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Adds an entry after all others. */
  add(entry: LedgerEntry): void {
    this.#entries.push(entry);
    this.#hold(entry, 1);
    if (entry.state === 'open') this.#open++;
  }

  /** Closes an open entry. */
  close(entry: LedgerEntry, state: 'settled' | 'dropped'): void {
    entry.state = state;
    this.#open--;
  }

  /** Removes the settled entries at the front; returns the end of the last of them, if there was one. */
  takeSettledPrefix(): Position | undefined {
    let end: Position | undefined;
    let entry = this.#entries[this.#head];
    while (entry?.state === 'settled') {
      end = entry.end;
      this.#hold(entry, -1);
      entry = this.#entries[++this.#head];
    }
    // More than half of the array is no longer needed: dropping it only now moves each entry at most once on average.
    if (this.#head > 32 && this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
    return end;
  }

  /** The open entries, oldest first. */
  openEntries(): LedgerEntry[] {
    return this.#waiting().filter((entry) => entry.state === 'open');
  }

  /** The open entry that holds the watermark although a later one is settled. */
  holding(): LedgerEntry | undefined {
    const waiting = this.#waiting();
    return waiting.some((entry) => entry.state === 'settled' && entry.runs.length > 0) ? waiting[0] : undefined;
  }

  /** The ranges of the settled entries after an open one, in order; neighbours with no record between them are joined. */
  settledBehindOpen(): SequenceNumberRange[] {
    const joined: Run[] = [];
    for (const entry of this.#waiting()) {
      for (const run of entry.state === 'settled' ? entry.runs : []) {
        const last = joined.at(-1);
        if (last?.lastOrdinal === run.firstOrdinal - 1) joined[joined.length - 1] = joinRuns(last, run);
        else joined.push(run);
      }
    }
    return joined.map((run) => run.range);
  }

  /** Drops all open entries, and forgets the settled ones after them. */
  drop(): void {
    for (const entry of this.openEntries()) this.close(entry, 'dropped');
    this.#entries = [];
    this.#head = 0;
    this.#heldRecords = this.#heldBytes = 0;
  }

  #waiting(): LedgerEntry[] {
    return this.#entries.slice(this.#head);
  }

  #hold({ records, bytes }: LedgerEntry, sign: 1 | -1): void {
    this.#heldRecords += sign * records;
    this.#heldBytes += sign * bytes;
  }
}

function joinRuns(a: Run, b: Run): Run {
  return { ...b, firstOrdinal: a.firstOrdinal, range: joinRanges(a.range, b.range), bytes: a.bytes + b.bytes };
}

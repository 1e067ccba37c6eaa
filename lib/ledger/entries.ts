import type { Position } from '../values/position.js';
import { joinRanges, type SequenceNumberRange, type SequenceNumberRanges } from '../values/sequence-range.js';

/** A run of consecutive records in a block: its range, and the ordinals of its ends. */
export interface Run {
  readonly range: SequenceNumberRange;
  readonly firstOrdinal: number;
  readonly lastOrdinal: number;
  /** The payload bytes of its records. */
  readonly bytes: number;
  /** The bytes delivered up to its last record. */
  readonly bytesThrough: number;
  /** When Kinesis took its last record, in ms, where that is known. */
  readonly arrivedMs?: number | undefined;
}

/** The part of one block that lies in one shard. */
export interface LedgerEntry {
  /** The ranges of the block that is out: the instance is what it is known by. */
  key: SequenceNumberRanges;
  readonly runs: readonly Run[];
  /** The place of its last record. */
  readonly end: Position;
  readonly records: number;
  readonly bytes: number;
  state: 'open' | 'settled' | 'dropped';
}

/**
 * The blocks of one shard, in the order in which they were made, from the first that is not settled on.
 *
 * @remarks Pure. Entering and settling take constant time on average, whatever the number of entries and the order of settling.
 */
export class Entries {
  #entries: LedgerEntry[] = [];
  /** Those before it are settled, and behind the watermark. */
  #head = 0;
  #open = 0;
  #heldRecords = 0;
  #heldBytes = 0;

  /** How many are open. */
  get open(): number {
    return this.#open;
  }

  /** The records of the open ones, and of those that are settled behind an open one: what a crash would repeat. */
  get heldRecords(): number {
    return this.#heldRecords;
  }

  /** The payload bytes of {@link heldRecords}. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Enters one behind all others. */
  add(entry: LedgerEntry): void {
    this.#entries.push(entry);
    this.#hold(entry, 1);
    if (entry.state === 'open') this.#open++;
  }

  /** Closes an open one. */
  close(entry: LedgerEntry, state: 'settled' | 'dropped'): void {
    entry.state = state;
    this.#open--;
  }

  /** Takes the settled ones off the front; gives the end of the last of them, if there was one. */
  takeSettledPrefix(): Position | undefined {
    let end: Position | undefined;
    let entry = this.#entries[this.#head];
    while (entry?.state === 'settled') {
      end = entry.end;
      this.#hold(entry, -1);
      entry = this.#entries[++this.#head];
    }
    // Half of the array is done with: dropping it now moves each entry at most once on average.
    if (this.#head > 32 && this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
    return end;
  }

  /** The open ones, oldest first. */
  openEntries(): LedgerEntry[] {
    return this.#waiting().filter((entry) => entry.state === 'open');
  }

  /** The one that holds the watermark although a later one is settled. */
  holding(): LedgerEntry | undefined {
    const waiting = this.#waiting();
    return waiting.some((entry) => entry.state === 'settled' && entry.runs.length > 0) ? waiting[0] : undefined;
  }

  /** The ranges of the settled ones behind an open one, in order; neighbours with nothing between them are one range. */
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

  /** Drops all that are not settled, and forgets the settled ones behind them. */
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

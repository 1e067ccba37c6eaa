import { comparePositions, type Position } from '../values/position.js';
import { joinRanges, SequenceNumberRanges, type SequenceNumberRange } from '../values/sequence-range.js';
import { OutOfOrderError } from './errors.js';

/** A run of consecutive records in a block: its range, and the numbers the ledger gave its ends when it delivered them. */
export interface Run {
  readonly range: SequenceNumberRange;
  readonly firstOrdinal: number;
  readonly lastOrdinal: number;
}

/** The part of one block that lies in one shard. */
export interface Entry {
  readonly ledger: Ledger;
  /** The block's ranges: the instance is what the block is known by. */
  readonly key: SequenceNumberRanges;
  readonly runs: readonly Run[];
  /** The place of its last record. */
  readonly end: Position;
  readonly records: number;
  readonly bytes: number;
  state: 'open' | 'settled' | 'dropped';
}

/** Delivered records that no block has claimed yet, in one piece. */
export interface Unclaimed {
  readonly firstOrdinal: number;
  readonly lastOrdinal: number;
  readonly first: Position;
  readonly last: Position;
  /** The ledger's delivered bytes before the first of them. */
  readonly bytesBefore: number;
}

/**
 * The account of one shard: what was delivered, which blocks claim it, which of them are settled.
 *
 * @remarks
 * Every record of the shard has an ordinal, counted from 1 in the order of reading. Reading *delivers* ordinals; making a
 * block *opens* an entry that *claims* them, in order; finishing the block *settles* the entry, in any order. The watermark
 * is the end of the longest prefix of entries that is settled. Ordinals that no block claims although later ones are
 * claimed were dropped before the tracked section, by a filter, and hold nothing up.
 *
 * Pure: no clock and no I/O. Each operation is constant time on average, whatever the number of entries.
 */
export class Ledger<Owner = unknown> {
  /** Whoever keeps this ledger, for those that find the ledger through a block. */
  readonly owner: Owner;
  /** Called after anything settles or is claimed, so that a paused reader can look again. */
  readonly #changed: () => void;

  #watermark: Position | undefined;
  #ended = false;
  #isTracked = false;
  /** The last record delivered, and its ordinal. */
  #delivered: Position | undefined;
  #deliveredOrdinal = 0;
  #deliveredBytes = 0;
  #nextOrdinal = 1;
  /** Everything up to here belongs to a block or was dropped before one. */
  #claimedOrdinal = 0;
  #claimedBytes = 0;
  /** Unclaimed records up to here no longer use credit: see {@link writeOff}. */
  #writtenOffOrdinal = 0;
  #writtenOffBytes = 0;
  #unclaimed: Unclaimed[] = [];
  /** The entries beyond the watermark, in order; those before `#head` are done with. */
  #entries: Entry[] = [];
  #head = 0;
  #openEntries = 0;
  #openRecords = 0;
  #openBytes = 0;

  /**
   * @param owner - see {@link owner}.
   * @param changed - called after anything settles or is claimed.
   */
  constructor(owner: Owner, changed: () => void = () => undefined) {
    this.owner = owner;
    this.#changed = changed;
  }

  /** The end of the longest settled prefix: the only position that may be written as a checkpoint. `undefined` before any. */
  get watermark(): Position | undefined {
    return this.#watermark;
  }

  /** The last record delivered by the subscription that lives, or the watermark it began at. */
  get delivered(): Position | undefined {
    return this.#delivered ?? this.#watermark;
  }

  /** The ordinal of the last record delivered. */
  get deliveredOrdinal(): number {
    return this.#deliveredOrdinal;
  }

  /** Records that are delivered and neither settled nor known to be dropped: what the credit counts. */
  get outstandingRecords(): number {
    return this.#openRecords + this.#deliveredOrdinal - Math.max(this.#claimedOrdinal, this.#writtenOffOrdinal);
  }

  /** The payload bytes of {@link outstandingRecords}. */
  get outstandingBytes(): number {
    return this.#openBytes + this.#deliveredBytes - Math.max(this.#claimedBytes, this.#writtenOffBytes);
  }

  /** Whether a block has ever been made of the shard's records. */
  get isTracked(): boolean {
    return this.#isTracked;
  }

  /** Whether a block is being worked on. */
  get hasOpenEntries(): boolean {
    return this.#openEntries > 0;
  }

  /** Whether everything delivered is settled, or is known to have been dropped before it came into a block. */
  get isSettled(): boolean {
    return this.#openEntries === 0 && this.#claimedOrdinal === this.#deliveredOrdinal;
  }

  /** Whether the reader has seen the end of the shard. */
  get hasEnded(): boolean {
    return this.#ended;
  }

  /** Whether the reader has seen the end of the shard and everything before it is settled: SHARD_END is earned. */
  get isFinished(): boolean {
    return this.#ended && this.isSettled;
  }

  /** Gives out ordinals for the next `count` records read, those not delivered because they are settled already included. */
  takeOrdinals(count: number): number {
    const first = this.#nextOrdinal;
    this.#nextOrdinal += count;
    return first;
  }

  /** Enters a page's records as delivered, before any of them is emitted. */
  deliver(page: Unclaimed, bytes: number): void {
    this.#delivered = page.last;
    this.#deliveredOrdinal = page.lastOrdinal;
    this.#deliveredBytes += bytes;
    if (this.#unclaimed.length === MAX_UNCLAIMED_PIECES) this.#unclaimed.splice(0, 2, joinPieces(this.#unclaimed[0]!, this.#unclaimed[1]!));
    this.#unclaimed.push(page);
  }

  /** The payload bytes delivered so far: a record's own are those between two readings of this. */
  get deliveredBytes(): number {
    return this.#deliveredBytes;
  }

  /**
   * Opens the entry of a block.
   *
   * @param bytesThrough - {@link deliveredBytes} as it was after the last of the runs' records.
   * @throws OutOfOrderError when a record comes twice or after a later one: a checkpoint could then pass unfinished work.
   */
  open(key: SequenceNumberRanges, runs: readonly Run[], bytes: number, bytesThrough: number): Entry {
    let records = 0;
    let through = this.#claimedOrdinal;
    for (const { firstOrdinal, lastOrdinal, range } of runs) {
      if (firstOrdinal <= through) throw new OutOfOrderError(range);
      through = lastOrdinal;
      records += range.recordCount;
    }
    const last = runs[runs.length - 1]!.range;
    const end = { sequenceNumber: last.toSeqNumber, subSequenceNumber: last.toSubSeqNumber };
    const entry: Entry = { ledger: this as Ledger, key, runs, end, records, bytes, state: 'open' };
    this.#entries.push(entry);
    this.#isTracked = true;
    this.#openEntries++;
    this.#openRecords += records;
    this.#openBytes += bytes;
    this.#claimThrough(through, bytesThrough);
    return entry;
  }

  /** Settles an entry, in any order; settling it again, or after it was dropped, does nothing. */
  settle(entry: Entry): void {
    if (entry.state !== 'open') return;
    this.#close(entry, 'settled');
    this.#advance();
    this.#changed();
  }

  /** Moves the watermark to the end of work that was never entered here, if that is beyond it. */
  settleThrough(end: Position): void {
    if (!this.#watermark || comparePositions(end, this.#watermark) > 0) this.#watermark = end;
  }

  /** The reader has seen the end of the shard. */
  end(): void {
    this.#ended = true;
    this.#changed();
  }

  /** No more blocks will be made of what has been delivered so far: what is unclaimed was dropped, and may be passed. */
  closeClaims(): void {
    if (this.#claimedOrdinal < this.#deliveredOrdinal) {
      const dropped = { key: new SequenceNumberRanges([]), runs: [], records: 0, bytes: 0 };
      this.#entries.push({ ...dropped, ledger: this as Ledger, end: this.#delivered!, state: 'settled' });
      this.#claimThrough(this.#deliveredOrdinal, this.#deliveredBytes);
      this.#advance();
    }
    this.#changed();
  }

  /** Takes the unclaimed records out of the credit: nobody may ever claim them. They stay what they are otherwise. */
  writeOff(): void {
    this.#writtenOffOrdinal = this.#deliveredOrdinal;
    this.#writtenOffBytes = this.#deliveredBytes;
  }

  /** What was delivered after `ordinal` and is in no block, oldest first. The first piece may begin before it. */
  unclaimedAfter(ordinal: number): readonly Unclaimed[] {
    return this.#unclaimed.filter((piece) => piece.lastOrdinal > ordinal);
  }

  /** The ordinal up to which records belong to a block or were dropped. */
  get claimedOrdinal(): number {
    return this.#claimedOrdinal;
  }

  /** The blocks that are being worked on, oldest first. */
  openEntries(): Entry[] {
    return this.#beyondWatermark().filter((entry) => entry.state === 'open');
  }

  /** The open entry that holds the watermark although a later one is settled. */
  holdingEntry(): Entry | undefined {
    const entries = this.#beyondWatermark();
    return entries.some((entry) => entry.state === 'settled') ? entries[0] : undefined;
  }

  /** What is settled beyond the watermark, as ranges in order; neighbours with nothing between them are one range. */
  settledBeyond(): SequenceNumberRange[] {
    const settled = this.#beyondWatermark().filter((entry) => entry.state === 'settled');
    const joined: Run[] = [];
    for (const run of settled.flatMap((entry) => entry.runs)) {
      const last = joined.at(-1);
      if (last?.lastOrdinal === run.firstOrdinal - 1) joined[joined.length - 1] = joinRuns(last, run);
      else joined.push(run);
    }
    return joined.map((run) => run.range);
  }

  /** Forgets everything that is not settled: a new subscription begins at the watermark. Entries still out settle nothing. */
  restart(): void {
    for (const entry of this.openEntries()) this.#close(entry, 'dropped');
    this.#entries = [];
    this.#head = 0;
    this.#ended = false;
    this.#delivered = undefined;
    this.#deliveredOrdinal = this.#nextOrdinal++;
    this.#claimThrough(this.#deliveredOrdinal, this.#deliveredBytes);
  }

  #claimThrough(ordinal: number, bytesThrough: number): void {
    this.#claimedOrdinal = ordinal;
    this.#claimedBytes = bytesThrough;
    const kept = this.#unclaimed.findIndex((piece) => piece.lastOrdinal > ordinal);
    this.#unclaimed = kept === -1 ? [] : this.#unclaimed.slice(kept);
    this.#changed();
  }

  #close(entry: Entry, state: 'settled' | 'dropped'): void {
    entry.state = state;
    this.#openEntries--;
    this.#openRecords -= entry.records;
    this.#openBytes -= entry.bytes;
  }

  #advance(): void {
    let entry = this.#entries[this.#head];
    while (entry?.state === 'settled') {
      this.#watermark = entry.end;
      entry = this.#entries[++this.#head];
    }
    // Half of the array is done with: drop it, so that each entry is moved at most once on average.
    if (this.#head > 32 && this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
  }

  #beyondWatermark(): Entry[] {
    return this.#entries.slice(this.#head);
  }
}

/** More pieces than this are joined: their ends are only needed to read them again, and a piece may be of any size. */
const MAX_UNCLAIMED_PIECES = 64;

function joinPieces(a: Unclaimed, b: Unclaimed): Unclaimed {
  return { ...a, lastOrdinal: b.lastOrdinal, last: b.last };
}

function joinRuns(a: Run, b: Run): Run {
  return { firstOrdinal: a.firstOrdinal, lastOrdinal: b.lastOrdinal, range: joinRanges(a.range, b.range) };
}

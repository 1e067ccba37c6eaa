import { barePosition, comparePositions, type Position } from '../values/position.js';
import { endOf, SequenceNumberRanges, type SequenceNumberRange } from '../values/sequence-range.js';
import { Deliveries, type DeliveryPoint, type UnclaimedRun } from './deliveries.js';
import { Entries, type LedgerEntry, type Run } from './entries.js';
import { OutOfOrderError } from './errors.js';

/** What a ledger needs to know of a record: its position, and its size. */
export interface Payload extends Position {
  readonly data: Uint8Array;
}

/**
 * The account of one shard: what was delivered, which blocks claim it, which of them are settled.
 *
 * @remarks
 * Reading *delivers* records; making a block *opens* an entry that *claims* them, in order; finishing the block *settles* the
 * entry, in any order. The watermark is the end of the longest prefix of entries that is settled. Records that no block claims
 * although later ones are claimed were dropped before the tracked section, by a filter, and hold nothing up.
 *
 * In two halves. *Deliveries*: each record read has an ordinal, counted from 1; the last one claimed and those not claimed yet
 * are kept by their ordinals and positions, and unclaimed ones may be written off, which frees their credit only. *Entries*:
 * one for the part of a block that lies in this shard, `open`, then `settled`, or `dropped` when its subscription died; in the
 * order of claiming, so the watermark is the end of the last one before the first that is open. A restart drops what is not
 * settled and begins at the watermark.
 *
 * Pure: no clock and no I/O.
 */
export class Ledger {
  readonly #changed: () => void;
  readonly #deliveries = new Deliveries();
  readonly #entries = new Entries();
  #watermark: Position | undefined;
  #hasEnded = false;
  #isTracked = false;
  #hasSettled = false;

  /** @param changed - called after anything settles or is claimed, so that a paused reader can look again. */
  constructor(changed: () => void = () => undefined) {
    this.#changed = changed;
  }

  /** The end of the longest settled prefix: the only position that may be written as a checkpoint. `undefined` before any. */
  get watermark(): Position | undefined {
    return this.#watermark;
  }

  /** The last record delivered by the subscription that lives, or the watermark it began at. */
  get delivered(): Position | undefined {
    return this.#deliveries.last ?? this.#watermark;
  }

  /** The record up to which all belong to a block or were dropped before one. */
  get claimed(): DeliveryPoint {
    return this.#deliveries.claimed;
  }

  /**
   * Records after the watermark that are delivered and not known to be dropped: what the credit counts, and what a crash repeats. Those that
   * are settled behind an open block count too.
   */
  get outstandingRecords(): number {
    return this.#entries.heldRecords + this.#deliveries.waitingRecords;
  }

  /** The payload bytes of {@link outstandingRecords}. */
  get outstandingBytes(): number {
    return this.#entries.heldBytes + this.#deliveries.waitingBytes;
  }

  /** Whether a block has ever been made of the shard's records. */
  get isTracked(): boolean {
    return this.#isTracked;
  }

  /** Whether a block has ever been settled: somebody does. */
  get hasSettled(): boolean {
    return this.#hasSettled;
  }

  /** Whether a block is being worked on. */
  get hasOpenEntries(): boolean {
    return this.#entries.open > 0;
  }

  /** Whether everything delivered is settled, or is known to have been dropped before it came into a block. */
  get isSettled(): boolean {
    return this.#entries.open === 0 && this.#deliveries.areClaimed;
  }

  /** Whether the reader has seen the end of the shard. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Whether the reader has seen the end of the shard and everything before it is settled: SHARD_END is earned. */
  get isFinished(): boolean {
    return this.#hasEnded && this.isSettled;
  }

  /**
   * Enters a page's records as delivered, before any of them is emitted.
   *
   * @param make - makes what is emitted for a record, from its ordinal and the bytes delivered through it.
   * @param isSettled - tells of a record that an earlier process settled it: it uses up an ordinal and is not delivered.
   * @returns what was made, in order.
   */
  deliver<R extends Payload, T>(
    page: readonly R[],
    make: (record: R, ordinal: number, bytesThrough: number) => T,
    isSettled: (position: Position) => boolean = () => false,
  ): T[] {
    const bytesBefore = this.#deliveries.bytes;
    const firstOrdinal = this.#deliveries.takeOrdinals(page.length);
    const made: T[] = [];
    let bytes = 0;
    let last = -1;
    page.forEach((record, i) => {
      if (isSettled(record)) return;
      bytes += record.data.byteLength;
      last = i;
      made.push(make(record, firstOrdinal + i, bytesBefore + bytes));
    });
    if (last < 0) return made;
    // Settled records at the head keep their place in the run: re-read, it has as many records as Kinesis holds.
    const run = { firstOrdinal, lastOrdinal: firstOrdinal + last, first: barePosition(page[0]!), last: page[last]!, bytesBefore };
    this.#deliveries.add(run, bytes);
    return made;
  }

  /**
   * Opens the entry of a block.
   *
   * @remarks Records that an earlier subscription delivered claim nothing: they come again, and are claimed then.
   * @throws OutOfOrderError when a record comes twice or after a later one: a checkpoint could then pass unfinished work.
   */
  open(key: SequenceNumberRanges, runs: readonly Run[]): LedgerEntry {
    const claims = runs.filter(({ firstOrdinal }) => this.#deliveries.isCurrent(firstOrdinal));
    this.#assertInOrder(claims);
    const last = claims.at(-1);
    const entry: LedgerEntry = {
      key,
      runs: claims,
      end: endOf((last ?? runs.at(-1)!).range),
      records: claims.reduce((sum, { range }) => sum + range.recordCount, 0),
      bytes: claims.reduce((sum, { bytes }) => sum + bytes, 0),
      state: last ? 'open' : 'dropped',
    };
    this.#isTracked = true;
    if (last) {
      this.#entries.add(entry);
      this.#deliveries.claimThrough({ ordinal: last.lastOrdinal, position: entry.end, bytesThrough: last.bytesThrough });
      this.#changed();
    }
    return entry;
  }

  /** Settles an entry, in any order; settling it again, or after it was dropped, does nothing. */
  settle(entry: LedgerEntry): void {
    if (entry.state !== 'open') return;
    this.#hasSettled = true;
    this.#entries.close(entry, 'settled');
    this.#advance();
    this.#changed();
  }

  /** Moves the watermark to the end of work that was never entered here, if that is beyond it. */
  settleThrough(end: Position): void {
    if (!this.#watermark || comparePositions(end, this.#watermark) > 0) this.#watermark = barePosition(end);
  }

  /** The reader has seen the end of the shard. */
  end(): void {
    this.#hasEnded = true;
    this.#changed();
  }

  /** No more blocks will be made of what has been delivered so far: what is unclaimed was dropped, and may be passed. */
  dropUnclaimed(): void {
    const end = this.#deliveries.last;
    if (end && !this.#deliveries.areClaimed) {
      this.#entries.add({ key: new SequenceNumberRanges([]), runs: [], end, records: 0, bytes: 0, state: 'settled' });
      this.#deliveries.claimAll();
      this.#advance();
    }
    this.#changed();
  }

  /** Takes the unclaimed records out of the credit: nobody may ever claim them. They stay what they are otherwise. */
  releaseCredit(): void {
    this.#deliveries.releaseCredit();
  }

  /** What was delivered after `ordinal` and is in no block, oldest first. The first piece may begin before it. */
  unclaimedAfter(ordinal: number): readonly UnclaimedRun[] {
    return this.#deliveries.unclaimedAfter(ordinal);
  }

  /** The blocks that are being worked on, oldest first. */
  openEntries(): LedgerEntry[] {
    return this.#entries.openEntries();
  }

  /** The open entry that holds the watermark although a later one is settled. */
  holdingEntry(): LedgerEntry | undefined {
    return this.#entries.holding();
  }

  /** What is settled beyond the watermark, as ranges in order. */
  settledBeyond(): SequenceNumberRange[] {
    return this.#entries.settledBehindOpen();
  }

  /** Forgets everything that is not settled: a new subscription begins at the watermark. Entries still out settle nothing. */
  restart(): void {
    this.#entries.drop();
    this.#deliveries.restart();
    this.#hasEnded = false;
    this.#changed();
  }

  #assertInOrder(claims: readonly Run[]): void {
    let through = this.claimed.ordinal;
    for (const { firstOrdinal, lastOrdinal, range } of claims) {
      if (firstOrdinal <= through) throw new OutOfOrderError(range);
      through = lastOrdinal;
    }
  }

  #advance(): void {
    this.#watermark = this.#entries.takeSettledPrefix() ?? this.#watermark;
  }
}

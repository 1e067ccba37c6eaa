import { barePosition, comparePositions, type Position } from '../values/position.js';
import { endOf, SequenceNumberRanges, type SequenceNumberRange } from '../values/sequence-range.js';
import { Deliveries, type DeliveryPoint, type UnclaimedRun } from './deliveries.js';
import { Entries, type LedgerEntry, type Run } from './entries.js';
import { OutOfOrderError } from './errors.js';

/** The part of a record that a ledger needs: its position and its size. */
export interface Payload extends Position {
  readonly data: Uint8Array;
}

/**
 * The account of one shard: which records were delivered, which blocks claim them, and which blocks are settled.
 *
 * @remarks
 * Reading *delivers* records; making a block *opens* an entry that *claims* them, in order; finishing the block *settles* the
 * entry, in any order. The watermark is the end of the longest prefix of settled entries. Records that no block claims although
 * later ones are claimed were dropped by a filter before `withSequenceRanges`; they do not hold the watermark.
 *
 * It has two halves. *Deliveries*: each record has an ordinal, counted from 1. They keep the ordinals and positions of the last claimed
 * record and of the unclaimed ones; unclaimed records may be written off, which only frees their credit. *Entries*: there is one for
 * the part of each block that lies in this shard, in the order of claiming. It is `open`, then `settled`, or `dropped` when its
 * subscription ended. The watermark is the end of the last entry before the first open one. A restart drops the open entries and
 * begins at the watermark.
 *
 * Pure: no clock and no I/O.
 */
export class Ledger {
  readonly #changed: () => void;
  readonly #deliveries = new Deliveries();
  readonly #entries = new Entries();
  #watermark: Position | undefined;
  /** The last watermark that was set from outside, unless its record was read here too. */
  #settledThrough: Position | undefined;
  #hasEnded = false;
  #isTracked = false;
  #hasSettled = false;

  /** @param changed - called when blocks open or settle, unclaimed records are dropped, the shard ends, or the ledger restarts. */
  constructor(changed: () => void = () => undefined) {
    this.#changed = changed;
  }

  /** The end of the longest settled prefix: no checkpoint may go beyond it. `undefined` before anything is settled. */
  get watermark(): Position | undefined {
    return this.#watermark;
  }

  /** The last record that the current subscription delivered, or the watermark at which it began. */
  get delivered(): Position | undefined {
    return this.#deliveries.last ?? this.#watermark;
  }

  /** Whether {@link delivered} was read here, and is not only the end of work that was never entered here. */
  get isReadHere(): boolean {
    return this.delivered !== this.#settledThrough;
  }

  /** The last point up to which every record belongs to a block, or was dropped before it came into one. */
  get claimed(): DeliveryPoint {
    return this.#deliveries.claimed;
  }

  /**
   * The delivered records after the watermark that use credit: those of the open blocks, those of settled blocks after an open one, and the
   * unclaimed ones since the last {@link releaseCredit}.
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

  /** Whether a block has ever been settled, so that it is known that the pipeline settles blocks. */
  get hasSettled(): boolean {
    return this.#hasSettled;
  }

  /** Whether a block is being worked on. */
  get hasOpenEntries(): boolean {
    return this.#entries.open > 0;
  }

  /** Whether every delivered record is settled, or is known to have been dropped before it came into a block. */
  get isSettled(): boolean {
    return this.#entries.open === 0 && this.#deliveries.areClaimed;
  }

  /** Whether the reader has seen the end of the shard. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Whether the reader has seen the end of the shard, and everything before it is settled: nothing more will be delivered or settled. */
  get isFinished(): boolean {
    return this.#hasEnded && this.isSettled;
  }

  /**
   * Enters a page's records as delivered, before any of them is emitted.
   *
   * @param make - makes the value to emit for a record, from its ordinal and the payload bytes delivered up to and with it.
   * @param isSettled - whether an earlier process settled the record: then it gets an ordinal and is not delivered.
   * @returns the values to emit, in order.
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
    // The run keeps the settled records at its head, so that a re-read finds as many records as Kinesis holds.
    const lastOrdinal = firstOrdinal + last;
    const bytesThrough = bytesBefore + bytes;
    this.#deliveries.add({ firstOrdinal, lastOrdinal, first: barePosition(page[0]!), last: page[last]!, bytesBefore, bytesThrough });
    return made;
  }

  /**
   * Opens the entry of a block.
   *
   * @remarks Ignores records that an earlier subscription delivered: the current one delivers them again, and a block claims them then.
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

  /** Settles an entry, in any order; settling it again, or after it was dropped, does nothing. Returns whether it settled. */
  settle(entry: LedgerEntry): boolean {
    if (entry.state !== 'open') return false;
    this.#hasSettled = true;
    this.#entries.close(entry, 'settled');
    this.#advance();
    this.#changed();
    return true;
  }

  /** Moves the watermark to `end`, the end of work that was never entered here, if that lies beyond the watermark. */
  settleThrough(end: Position): void {
    if (!this.#watermark || comparePositions(end, this.#watermark) > 0) this.#watermark = this.#settledThrough = barePosition(end);
  }

  /** Notes that the record at the watermark was read here too, although it was not delivered. */
  noteRead(): void {
    this.#settledThrough = undefined;
  }

  /** Notes that the reader has seen the end of the shard. */
  end(): void {
    this.#hasEnded = true;
    this.#changed();
  }

  /** Notes that the unclaimed records delivered so far were dropped: no block will be made of them, and the watermark may pass them. */
  dropUnclaimed(): void {
    const end = this.#deliveries.last;
    if (end && !this.#deliveries.areClaimed) {
      this.#entries.add({ key: new SequenceNumberRanges([]), runs: [], end, records: 0, bytes: 0, state: 'settled' });
      this.#deliveries.claimAll();
      this.#advance();
    }
    this.#changed();
  }

  /** Notes that no block will claim the records up to `place` any more, although reading goes on: what a re-read has not found of them is gone. */
  forgetThrough(place: DeliveryPoint): void {
    if (place.ordinal <= this.claimed.ordinal) return;
    this.#deliveries.claimThrough(place);
    this.#changed();
  }

  /** Frees the credit of the unclaimed records, since perhaps no block will ever claim them. They can still be claimed. */
  releaseCredit(): void {
    this.#deliveries.releaseCredit();
  }

  /** The runs of records that were delivered after `ordinal` and are in no block, oldest first. The first may begin before it. */
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

  /** The ranges that are settled beyond the watermark, in order. */
  settledBeyond(): SequenceNumberRange[] {
    return this.#entries.settledBehindOpen();
  }

  /** Forgets everything beyond the watermark: a new subscription begins there. Blocks of the old one settle nothing any more. */
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

import type { Position } from '../values/position.js';

/** Delivered records that no block has claimed yet, in one piece. */
export interface Unclaimed {
  readonly firstOrdinal: number;
  readonly lastOrdinal: number;
  readonly first: Position;
  readonly last: Position;
  /** The bytes delivered before the first of them. */
  readonly bytesBefore: number;
}

/**
 * What was read of one shard, and how much of it has come into blocks.
 *
 * @remarks
 * Every record has an ordinal, counted from 1 in the order of reading. Pure, and of constant size: more than 64 pages that
 * nobody has claimed are kept as fewer, longer pieces.
 */
export class Deliveries {
  #nextOrdinal = 1;
  #last: Position | undefined;
  #lastOrdinal = 0;
  #bytes = 0;
  #claimedOrdinal = 0;
  #claimedBytes = 0;
  /** Unclaimed records up to here no longer use credit. */
  #writtenOffOrdinal = 0;
  #writtenOffBytes = 0;
  #unclaimed: Unclaimed[] = [];

  /** The last record delivered by the subscription that lives. */
  get last(): Position | undefined {
    return this.#last;
  }

  /** The payload bytes delivered so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The ordinal up to which records belong to a block, or were dropped before one. */
  get claimedOrdinal(): number {
    return this.#claimedOrdinal;
  }

  /** Whether every record delivered belongs to a block, or was dropped before one. */
  get areClaimed(): boolean {
    return this.#claimedOrdinal === this.#lastOrdinal;
  }

  /** Unclaimed records that use credit. */
  get waitingRecords(): number {
    return this.#lastOrdinal - Math.max(this.#claimedOrdinal, this.#writtenOffOrdinal);
  }

  /** The payload bytes of {@link waitingRecords}. */
  get waitingBytes(): number {
    return this.#bytes - Math.max(this.#claimedBytes, this.#writtenOffBytes);
  }

  /** Gives out the ordinals of the next `count` records: the first of them. */
  takeOrdinals(count: number): number {
    const first = this.#nextOrdinal;
    this.#nextOrdinal += count;
    return first;
  }

  /** Enters a page. */
  add(page: Unclaimed, bytes: number): void {
    this.#last = page.last;
    this.#lastOrdinal = page.lastOrdinal;
    this.#bytes += bytes;
    const [oldest, next] = this.#unclaimed;
    if (oldest && next && this.#unclaimed.length >= MAX_PIECES)
      this.#unclaimed.splice(0, 2, { ...oldest, lastOrdinal: next.lastOrdinal, last: next.last });
    this.#unclaimed.push(page);
  }

  /** Everything up to `ordinal` belongs to a block now, or was dropped before one. */
  claimThrough(ordinal: number, bytesThrough: number): void {
    this.#claimedOrdinal = ordinal;
    this.#claimedBytes = bytesThrough;
    this.#unclaimed = this.unclaimedAfter(ordinal);
  }

  /** Everything delivered so far is claimed or dropped. */
  claimAll(): void {
    this.claimThrough(this.#lastOrdinal, this.#bytes);
  }

  /** Takes the unclaimed records out of the credit. */
  writeOff(): void {
    this.#writtenOffOrdinal = this.#lastOrdinal;
    this.#writtenOffBytes = this.#bytes;
  }

  /** The pieces with records after `ordinal`, oldest first. The first may begin before it. */
  unclaimedAfter(ordinal: number): Unclaimed[] {
    return this.#unclaimed.filter((piece) => piece.lastOrdinal > ordinal);
  }

  /** A new subscription begins: nothing is on its way into a block, and no run goes on over the cut. */
  restart(): void {
    this.#last = undefined;
    this.#lastOrdinal = this.takeOrdinals(1);
    this.claimAll();
  }
}

/** More pieces than this are joined: their ends are only needed to read them again, and a piece may be of any size. */
const MAX_PIECES = 64;

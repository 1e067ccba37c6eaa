import { barePosition, type Position } from '../values/position.js';

/** Delivered records that no block has claimed yet, in one piece. */
export interface UnclaimedRun {
  readonly firstOrdinal: number;
  readonly lastOrdinal: number;
  readonly first: Position;
  readonly last: Position;
  /** The bytes delivered before the first of them. */
  readonly bytesBefore: number;
}

/** A point in the order of delivery: the last record before it, and the bytes delivered so far. Zero at the start. */
export interface DeliveryPoint {
  readonly ordinal: number;
  readonly position: Position | undefined;
  readonly bytesThrough: number;
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
  #claimed: DeliveryPoint = { ordinal: 0, position: undefined, bytesThrough: 0 };
  /** Unclaimed records up to here no longer use credit. */
  #writtenOffOrdinal = 0;
  #writtenOffBytes = 0;
  /** Everything up to here was delivered to a subscription that is over. */
  #restartOrdinal = 0;
  #unclaimed: UnclaimedRun[] = [];

  /** The last record delivered by the subscription that lives. */
  get last(): Position | undefined {
    return this.#last;
  }

  /** The payload bytes delivered so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The record up to which all belong to a block, or were dropped before one. */
  get claimed(): DeliveryPoint {
    return this.#claimed;
  }

  /** Whether every record delivered belongs to a block, or was dropped before one. */
  get areClaimed(): boolean {
    return this.#claimed.ordinal === this.#lastOrdinal;
  }

  /** Unclaimed records that use credit. */
  get waitingRecords(): number {
    return this.#lastOrdinal - Math.max(this.#claimed.ordinal, this.#writtenOffOrdinal);
  }

  /** The payload bytes of {@link waitingRecords}. */
  get waitingBytes(): number {
    return this.#bytes - Math.max(this.#claimed.bytesThrough, this.#writtenOffBytes);
  }

  /** Whether the subscription that lives has delivered `ordinal`. */
  isCurrent(ordinal: number): boolean {
    return ordinal > this.#restartOrdinal;
  }

  /** Gives out the ordinals of the next `count` records: the first of them. */
  takeOrdinals(count: number): number {
    const first = this.#nextOrdinal;
    this.#nextOrdinal += count;
    return first;
  }

  /** Enters a page. */
  add(page: UnclaimedRun, bytes: number): void {
    const last = barePosition(page.last);
    this.#last = last;
    this.#lastOrdinal = page.lastOrdinal;
    this.#bytes += bytes;
    const [oldest, next] = this.#unclaimed;
    if (oldest && next && this.#unclaimed.length >= MAX_RUNS)
      this.#unclaimed.splice(0, 2, { ...oldest, lastOrdinal: next.lastOrdinal, last: next.last });
    this.#unclaimed.push({ ...page, last });
  }

  /** Everything up to `place` belongs to a block now, or was dropped before one. */
  claimThrough(place: DeliveryPoint): void {
    this.#claimed = place;
    this.#unclaimed = this.unclaimedAfter(place.ordinal);
  }

  /** Everything delivered so far is claimed or dropped. */
  claimAll(): void {
    this.claimThrough({ ordinal: this.#lastOrdinal, position: this.#last, bytesThrough: this.#bytes });
  }

  /** Takes the unclaimed records out of the credit. */
  releaseCredit(): void {
    this.#writtenOffOrdinal = this.#lastOrdinal;
    this.#writtenOffBytes = this.#bytes;
  }

  /** The pieces with records after `ordinal`, oldest first. The first may begin before it. */
  unclaimedAfter(ordinal: number): UnclaimedRun[] {
    return this.#unclaimed.filter((piece) => piece.lastOrdinal > ordinal);
  }

  /** A new subscription begins: nothing is on its way into a block, and no run goes on over the cut. */
  restart(): void {
    this.#last = undefined;
    this.#lastOrdinal = this.#restartOrdinal = this.takeOrdinals(1);
    this.claimAll();
  }
}

/** More pieces than this are joined: their ends are only needed to read them again, and a piece may be of any size. */
const MAX_RUNS = 64;

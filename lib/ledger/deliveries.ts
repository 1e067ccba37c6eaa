import { barePosition, type Position } from '../values/position.js';

/** A run of consecutive delivered records that no block has claimed yet. */
export interface UnclaimedRun {
  readonly firstOrdinal: number;
  readonly lastOrdinal: number;
  readonly first: Position;
  readonly last: Position;
  /** The payload bytes delivered before its first record. */
  readonly bytesBefore: number;
  /** The payload bytes delivered up to and with its last record. */
  readonly bytesThrough: number;
}

/** A point in the order of delivery: the last record up to it, and the payload bytes delivered so far. All are zero at the start. */
export interface DeliveryPoint {
  readonly ordinal: number;
  readonly position: Position | undefined;
  readonly bytesThrough: number;
}

/**
 * The records that were read of one shard, and how many of them blocks have claimed.
 *
 * @remarks
 * Every record has an ordinal, counted from 1 in the order of reading. Pure, and of bounded size: beyond 64 unclaimed runs, the oldest
 * ones are joined.
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
  /** Everything up to this ordinal was delivered to a subscription that is over. */
  #restartOrdinal = 0;
  #unclaimed: UnclaimedRun[] = [];

  /** The last record that the current subscription delivered. */
  get last(): Position | undefined {
    return this.#last;
  }

  /** The payload bytes delivered so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The last point up to which every record belongs to a block, or was dropped before it came into one. */
  get claimed(): DeliveryPoint {
    return this.#claimed;
  }

  /** Whether every delivered record belongs to a block, or was dropped before it came into one. */
  get areClaimed(): boolean {
    return this.#claimed.ordinal === this.#lastOrdinal;
  }

  /** The number of unclaimed records that use credit. */
  get waitingRecords(): number {
    return this.#lastOrdinal - Math.max(this.#claimed.ordinal, this.#writtenOffOrdinal);
  }

  /** The payload bytes of {@link waitingRecords}. */
  get waitingBytes(): number {
    return this.#bytes - Math.max(this.#claimed.bytesThrough, this.#writtenOffBytes);
  }

  /** Whether the current subscription has delivered `ordinal`. */
  isCurrent(ordinal: number): boolean {
    return ordinal > this.#restartOrdinal;
  }

  /** Reserves the ordinals of the next `count` records; returns the first of them. */
  takeOrdinals(count: number): number {
    const first = this.#nextOrdinal;
    this.#nextOrdinal += count;
    return first;
  }

  /** Enters a page. */
  add(page: UnclaimedRun): void {
    const last = barePosition(page.last);
    this.#last = last;
    this.#lastOrdinal = page.lastOrdinal;
    this.#bytes = page.bytesThrough;
    const [oldest, next] = this.#unclaimed;
    if (oldest && next && this.#unclaimed.length >= MAX_RUNS)
      this.#unclaimed.splice(0, 2, { ...next, firstOrdinal: oldest.firstOrdinal, first: oldest.first, bytesBefore: oldest.bytesBefore });
    this.#unclaimed.push({ ...page, last });
  }

  /** Notes that everything up to `place` belongs to a block now, or was dropped before it came into one. */
  claimThrough(place: DeliveryPoint): void {
    this.#claimed = place;
    this.#unclaimed = this.unclaimedAfter(place.ordinal);
  }

  /** Notes that everything delivered so far is claimed or dropped. */
  claimAll(): void {
    this.claimThrough({ ordinal: this.#lastOrdinal, position: this.#last, bytesThrough: this.#bytes });
  }

  /** Frees the credit that the unclaimed records use. */
  releaseCredit(): void {
    this.#writtenOffOrdinal = this.#lastOrdinal;
    this.#writtenOffBytes = this.#bytes;
  }

  /** The unclaimed runs with records after `ordinal`, oldest first. The first may begin before it. */
  unclaimedAfter(ordinal: number): UnclaimedRun[] {
    return this.#unclaimed.filter((piece) => piece.lastOrdinal > ordinal);
  }

  /** A new subscription begins: no record is on its way into a block, and no run continues from the old subscription. */
  restart(): void {
    this.#last = undefined;
    this.#lastOrdinal = this.#restartOrdinal = this.takeOrdinals(1);
    this.claimAll();
  }
}

/** Beyond this number the oldest runs are joined: their ends are only needed to read them again, and a run may be of any size. */
const MAX_RUNS = 64;

import { compareSequenceNumbers, type Position } from '../values/position.js';
import type { GetRecordsPage, PortRecord } from '../kinesis/port.js';

/** What the first pages after a place say. `stuck`: the iterator will never give any record. */
export type Finding = 'intact' | 'stuck' | 'trimmed';

/**
 * Judges by the first pages of an iterator that was opened at a record whether Kinesis has trimmed that record away.
 *
 * @remarks
 * A record that is still held comes first. If another comes first, those between may be lost, unless it arrived only after
 * the iterator was opened: then there may have been none to lose. Some iterators before trimmed records give empty pages for
 * ever, as far behind the newest record on one page as on the next.
 */
export class TrimCheck {
  readonly #place: Position;
  readonly #openedAtMs: number;
  #stuckPages = 0;
  #behindMs = Infinity;
  #hasSeenTheTip = false;

  constructor(place: Position, openedAtMs: number) {
    this.#place = place;
    this.#openedAtMs = openedAtMs;
  }

  /** Judges the next page; `undefined` while nothing can be said. `ended`: it is the shard's last. */
  inspect({ Records: [first], MillisBehindLatest = 0 }: GetRecordsPage, ended: boolean): Finding | undefined {
    if (first) return this.#isTrimmedBefore(first) ? 'trimmed' : 'intact';
    // A shard that was still open, and had nothing newer, has been closed since.
    if (ended) return this.#hasSeenTheTip ? 'intact' : 'trimmed';
    this.#hasSeenTheTip ||= MillisBehindLatest === 0;
    const isNearer = MillisBehindLatest === 0 || MillisBehindLatest < this.#behindMs;
    this.#stuckPages = isNearer ? 0 : this.#stuckPages + 1;
    this.#behindMs = MillisBehindLatest;
    return this.#stuckPages === PAGES_TO_BELIEVE_IT_STUCK ? 'stuck' : undefined;
  }

  #isTrimmedBefore({ SequenceNumber, ApproximateArrivalTimestamp }: PortRecord): boolean {
    const arrivedMs = ApproximateArrivalTimestamp?.getTime() ?? -Infinity;
    return compareSequenceNumbers(SequenceNumber, this.#place.sequenceNumber) > 0 && arrivedMs < this.#openedAtMs;
  }
}

/** Three seconds' worth of reads. An honest iterator may give empty pages too, but comes nearer to the newest record with them. */
const PAGES_TO_BELIEVE_IT_STUCK = 15;

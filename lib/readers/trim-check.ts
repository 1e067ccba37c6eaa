import type { GetRecordsPage } from '../kinesis/port.js';
import { compareSequenceNumbers } from '../values/position.js';

/**
 * What is found out about the record that reading was opened at.
 *
 * - `there`: it is, or nothing after it is missing.
 * - `trimmed`: Kinesis no longer has it, nor perhaps some after it.
 * - `look`: it did not come; look at the oldest record of the shard instead.
 * - `ask`: older records are there and it did not come; ask for it once more.
 * - `foreign`: so it was again. It never was a record of this shard.
 */
export type Finding = 'there' | 'trimmed' | 'look' | 'ask' | 'foreign';

/** How the record is known. */
export interface TrimCheckOptions {
  /** Whether it was read from this very shard by this reader: then it can be trimmed, and cannot be another shard's. */
  readonly isProven: boolean;
  /** Whether what the first look says is enough. What is missing is then told by whoever knows what is to be there. */
  readonly isLenient?: boolean;
}

/**
 * Judges by the pages that come, and by nothing else, whether the record at which reading was opened is there.
 *
 * @remarks
 * A record that is held comes first. Kinesis trims the oldest first, so if it does not come, the oldest record tells why: a later
 * one, that it is trimmed; an older one, that it is not, and never was there. Neither is believed at the first sign, since an
 * iterator may begin elsewhere by mistake. Once the newest record was reached nothing that comes later can have been trimmed
 * before it was read: an iterator lives for five minutes, a record for a day at least. No clock is asked: this machine's may be
 * wrong. Some iterators before trimmed records give empty pages for ever, as far behind the newest record on one as on the next.
 */
export class TrimCheck {
  readonly #sequenceNumber: string;
  readonly #options: TrimCheckOptions;
  /** Whether the pages are those of the oldest records, and not of those asked for. */
  #looksAtOldest = false;
  /** Whether older records were seen to be there. */
  #isDoubted = false;
  #hasSeenTheTip = false;
  #tipPages = 0;
  #stuckPages = 0;
  #behindMs = Infinity;

  constructor(sequenceNumber: string, options: TrimCheckOptions) {
    this.#sequenceNumber = sequenceNumber;
    this.#options = options;
  }

  /** The iterator had become too old: how long ago the newest record was reached, nobody knows. */
  noteExpired(): void {
    this.#hasSeenTheTip = false;
  }

  /** The service gives no iterator at the record. */
  refused(): Finding {
    return this.#notMet();
  }

  /** Judges the next page; `undefined` while nothing can be said. `ended`: it is the shard's last. */
  inspect(page: GetRecordsPage, ended: boolean): Finding | undefined {
    const [first] = page.Records;
    if (first) return this.#meet(compareSequenceNumbers(first.SequenceNumber, this.#sequenceNumber));
    if (ended) return this.#metNone();
    this.#measure(page);
    if (this.#stuckPages === PAGES_TO_BELIEVE_IT_STUCK) return this.#metNothingYet();
    const enough = this.#isDoubted ? PAGES_TO_REFUSE_IT : PAGES_TO_LOOK;
    const isAway = !this.#looksAtOldest && !this.#options.isLenient && this.#tipPages === enough;
    return isAway ? this.#notMet() : undefined;
  }

  /** The first record came: the one looked for (0), an older one or a later one. */
  #meet(order: number): Finding {
    if (order === 0) return 'there';
    if (order < 0) return this.#options.isProven || this.#options.isLenient ? 'there' : this.#doubt();
    if (this.#looksAtOldest || this.#options.isLenient) return this.#hasSeenTheTip ? 'there' : 'trimmed';
    return this.#notMet();
  }

  /** The shard ended, and no record came. */
  #metNone(): Finding {
    if (!this.#looksAtOldest && !this.#options.isLenient) return this.#notMet();
    // A shard that was still open, and had nothing newer, has been closed since.
    return this.#hasSeenTheTip ? 'there' : 'trimmed';
  }

  /** Page after page has no record and comes no nearer. */
  #metNothingYet(): Finding | undefined {
    if (!this.#looksAtOldest) return this.#notMet();
    return this.#hasSeenTheTip ? undefined : 'trimmed';
  }

  #notMet(): Finding {
    if (this.#isDoubted) return 'foreign';
    this.#lookAt('oldest');
    return 'look';
  }

  #doubt(): Finding {
    if (this.#isDoubted) return 'foreign';
    this.#isDoubted = true;
    this.#lookAt('record');
    return 'ask';
  }

  #lookAt(what: 'oldest' | 'record'): void {
    this.#looksAtOldest = what === 'oldest';
    this.#tipPages = 0;
    this.#stuckPages = 0;
    this.#behindMs = Infinity;
  }

  #measure({ MillisBehindLatest }: GetRecordsPage): void {
    const isTip = MillisBehindLatest === 0;
    const isNearer = MillisBehindLatest !== undefined && MillisBehindLatest < this.#behindMs;
    this.#tipPages = isTip ? this.#tipPages + 1 : 0;
    this.#stuckPages = isTip || isNearer ? 0 : this.#stuckPages + 1;
    // A service that never says how far behind a page is has said it so: by as many empty ones.
    this.#hasSeenTheTip ||= isTip || (MillisBehindLatest === undefined && this.#stuckPages === PAGES_TO_BELIEVE_IT_STUCK);
    this.#behindMs = MillisBehindLatest ?? this.#behindMs;
  }
}

/** Three seconds' worth of reads. An honest iterator may give empty pages too, but comes nearer to the newest record with them. */
const PAGES_TO_BELIEVE_IT_STUCK = 15;
/** An iterator at the newest record may give an empty page before it gives that. To look at the oldest one costs little. */
const PAGES_TO_LOOK = 3;
/** To refuse a record as another shard's costs much. */
const PAGES_TO_REFUSE_IT = 15;

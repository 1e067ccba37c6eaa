import type { GetRecordsPage } from '../kinesis/port.js';
import { compareSequenceNumbers } from '../values/position.js';

/**
 * The finding about the record at which reading was opened.
 *
 * - `there`: the record is there, or no record after it is missing.
 * - `trimmed`: Kinesis no longer has the record, nor perhaps some records after it.
 * - `look`: the record did not come; look at the oldest record of the shard instead.
 * - `ask`: older records came but not this one, so it was not trimmed; ask for it once more.
 * - `foreign`: it did not come the second time either. It never was a record of this shard.
 */
export type Finding = 'there' | 'trimmed' | 'look' | 'ask' | 'foreign';

/** How the record is known. */
export interface TrimCheckOptions {
  /** Whether this reader has read the record from this shard: then it may be trimmed, but is not another shard's. */
  readonly isProven: boolean;
  /** Whether the first finding is enough, since the caller knows which records must be there and checks them. */
  readonly isLenient?: boolean;
}

/**
 * Decides, from the pages alone, whether the record at which reading was opened is there.
 *
 * @remarks
 * If Kinesis still holds the record, it comes first. Kinesis trims the oldest records first, so if it does not come, the oldest record
 * shows why: if that one is later, the record was trimmed; if it is older, the record never was in this shard. Neither is believed at the
 * first sign, since an iterator may begin elsewhere by mistake. Once the newest record was reached, no later record can be trimmed before
 * it is read: an iterator is valid for five minutes, a record for at least a day. It uses no clock, since this machine's may be wrong.
 * Some iterators before trimmed records give empty pages for ever, always with the same lag.
 */
export class TrimCheck {
  readonly #sequenceNumber: string;
  readonly #options: TrimCheckOptions;
  /** Whether the pages begin at the oldest record, and not at the one asked for. */
  #looksAtOldest = false;
  /** Whether an older record came first, so that the record is in doubt. */
  #isDoubted = false;
  #hasSeenTheTip = false;
  #tipPages = 0;
  #stuckPages = 0;
  #behindMs = Infinity;

  constructor(sequenceNumber: string, options: TrimCheckOptions) {
    this.#sequenceNumber = sequenceNumber;
    this.#options = options;
  }

  /** Notes that the iterator was too old: it is unknown how long ago the newest record was reached. */
  noteExpired(): void {
    this.#hasSeenTheTip = false;
  }

  /** The finding when the service gives no iterator at the record. */
  refused(): Finding {
    return this.#notMet();
  }

  /** The finding after the next page; `undefined` while there is none. `ended`: the page is the shard's last. */
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

  /** The finding when a first record came: the one looked for (0), an older one (below 0) or a later one (above 0). */
  #meet(order: number): Finding {
    if (order === 0) return 'there';
    if (order < 0) return this.#meetOlder();
    if (this.#looksAtOldest || this.#options.isLenient) return this.#hasSeenTheTip ? 'there' : 'trimmed';
    return this.#notMet();
  }

  /** The finding when an older record came first: reading on from there would take as long as the shard has been there. */
  #meetOlder(): Finding {
    return this.#isTrusted && (this.#isDoubted || !this.#looksAtOldest) ? 'there' : this.#doubt();
  }

  /** Whether the record is one of this shard. */
  get #isTrusted(): boolean {
    return this.#options.isProven || this.#options.isLenient === true;
  }

  /** The finding when the shard ended and no record came. */
  #metNone(): Finding {
    if (!this.#looksAtOldest && !this.#options.isLenient) return this.#notMet();
    // If reading had reached the newest record, the shard was closed since then, and nothing is missing.
    return this.#hasSeenTheTip ? 'there' : 'trimmed';
  }

  /** The finding when page after page has no record and comes no nearer. */
  #metNothingYet(): Finding | undefined {
    if (!this.#looksAtOldest) return this.#notMet();
    return this.#hasSeenTheTip ? undefined : 'trimmed';
  }

  #notMet(): Finding {
    if (this.#isDoubted && !this.#isTrusted) return 'foreign';
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
    // If a service never gives the lag, as many empty pages mean that the newest record is reached.
    this.#hasSeenTheTip ||= isTip || (MillisBehindLatest === undefined && this.#stuckPages === PAGES_TO_BELIEVE_IT_STUCK);
    this.#behindMs = MillisBehindLatest ?? this.#behindMs;
  }
}

/** Three seconds of reads. A good iterator may give empty pages too, but they come nearer to the newest record. */
const PAGES_TO_BELIEVE_IT_STUCK = 15;
/** An iterator at the newest record may give an empty page before that record. To look at the oldest record costs little. */
const PAGES_TO_LOOK = 3;
/** More pages before a record counts as another shard's, since that stops the reading. */
const PAGES_TO_REFUSE_IT = 15;

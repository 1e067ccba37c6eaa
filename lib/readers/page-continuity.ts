import { RangeExpiredError } from '../kinesis/errors.js';
import type { GetRecordsPage } from '../kinesis/port.js';
import { comparePositions, compareSequenceNumbers, type Position } from '../values/position.js';
import type { RecordFields } from '../values/record.js';
import { allowsGap, userRecords, type ReadContext, type ReadStart } from './reader.js';
import { TrimCheck, type Finding } from './trim-check.js';

/** Reading is to be opened anew at {@link PageContinuity.start}. */
export const REOPEN = Symbol('reopen');
/** The start was never a record of this shard. */
export const FOREIGN = Symbol('foreign');

/**
 * Ties the pages of a shard together, whatever way they are read: where reading stands, which records are known already, whether
 * something was trimmed away in between.
 *
 * @remarks
 * Reading opens AT the record that it starts after: that this record is there proves that nothing was trimmed, and it is dropped.
 * Nothing else is dropped before it was seen, or read before: a number from elsewhere may be higher than all of this shard's.
 */
export class PageContinuity {
  readonly #context: ReadContext;
  #start: ReadStart;
  /** Whether the start was seen in this shard. */
  #isProven = false;
  /** Whether reading opens at the oldest record instead of the start, to see whether that is still there. */
  #looksAtOldest = false;
  /** Set from opening at a record until it is known whether that is there. */
  #trimCheck: TrimCheck | undefined;
  #olderRecord: string | undefined;
  /** The last record that came since reading was opened. */
  #lastRead: string | undefined;

  constructor(context: ReadContext, start: ReadStart) {
    this.#context = context;
    this.#start = start;
  }

  /** Where reading opens next. */
  get start(): ReadStart {
    return this.#looksAtOldest ? { type: 'TRIM_HORIZON' } : this.#start;
  }

  /** The record that reading starts at or after, where it does. */
  get position(): Position | undefined {
    return 'position' in this.#start ? this.#start.position : undefined;
  }

  /** Whether {@link start} is the oldest record in place of another. */
  get looksAtOldest(): boolean {
    return this.#looksAtOldest;
  }

  /** The number of a record that is older than the start, and there although the start is not. */
  get olderRecord(): string | undefined {
    return this.#olderRecord;
  }

  /** Starts elsewhere. */
  seek(start: ReadStart): void {
    this.#moveTo(start, false);
    this.#trimCheck = undefined;
    this.#olderRecord = undefined;
    this.#lastRead = undefined;
  }

  /** Reading was opened at {@link start}: from now on the pages tell whether that is there. */
  opened(): void {
    this.#trimCheck ??= this.#newTrimCheck();
    this.#lastRead = undefined;
  }

  /** Whether a page has records again that came before it, since reading was opened: a cache on the way may answer like that for ever. */
  goesBack({ Records: [first] }: GetRecordsPage): boolean {
    return first !== undefined && this.#lastRead !== undefined && compareSequenceNumbers(first.SequenceNumber, this.#lastRead) <= 0;
  }

  /** The iterator was too old, and reading is to be opened anew. */
  expired(): void {
    this.#trimCheck?.noteExpired();
  }

  /** The service gives no iterator at the start. */
  refused(): typeof REOPEN | typeof FOREIGN {
    this.opened();
    const finding = this.#trimCheck!.refused();
    return finding === 'foreign' ? FOREIGN : this.#reopen(finding);
  }

  /**
   * Takes a page: its user records that are not known yet, or what is to be done instead, with nothing taken.
   *
   * @throws RangeExpiredError when records before the page were trimmed away and `onGap` says `'fail'`.
   */
  accept(page: GetRecordsPage, ended: boolean): readonly RecordFields[] | typeof REOPEN | typeof FOREIGN {
    const finding = this.#trimCheck?.inspect(page, ended);
    if (finding === 'foreign') return FOREIGN;
    const [first] = page.Records;
    if (finding === 'ask') this.#olderRecord = first?.SequenceNumber;
    if (finding === 'look' || finding === 'ask') return this.#reopen(finding);
    if (finding === 'trimmed') {
      this.skipGap(this.position!, first && { sequenceNumber: first.SequenceNumber, subSequenceNumber: 0 });
      // What comes now is not measured by a record that nobody has seen.
      if (!first && !this.#isProven) this.#moveTo({ type: 'TRIM_HORIZON' }, false);
    }
    // Not before: where `onGap` throws, the page is read again, and the gap must be found again.
    if (finding) this.#trimCheck = undefined;
    return this.#moveAfter(page);
  }

  /** Returns if the policy allows to continue without what is missing. */
  skipGap(from: Position, firstAvailable?: Position, cause?: unknown): void {
    const { onGap, notify, stream, shardId } = this.#context;
    const gap = { streamName: stream.streamName, shardId, from, ...(firstAvailable && { firstAvailable }) };
    if (!allowsGap(onGap, gap)) throw new RangeExpiredError(gap, [], cause);
    notify({ type: 'gap', ...gap });
  }

  #newTrimCheck(): TrimCheck | undefined {
    const { position } = this;
    return position && new TrimCheck(position.sequenceNumber, { isProven: this.#isProven, isLenient: this.#start.type === 'AT' });
  }

  #reopen(finding: Finding): typeof REOPEN {
    this.#looksAtOldest = finding === 'look';
    return REOPEN;
  }

  #moveTo(start: ReadStart, isProven: boolean): void {
    this.#start = start;
    this.#isProven = isProven;
    this.#looksAtOldest = false;
  }

  #moveAfter(page: GetRecordsPage): readonly RecordFields[] {
    const lastRead = page.Records.at(-1);
    const records = this.#withoutKnown(userRecords(page.Records, this.#context));
    if (!lastRead) return records;
    this.#lastRead = lastRead.SequenceNumber;
    // An aggregate may hold no user record at all: then the place is that of the aggregate.
    const last = records.at(-1) ?? { sequenceNumber: lastRead.SequenceNumber, subSequenceNumber: 0 };
    const isFurther = records.length > 0 || !this.position || comparePositions(last, this.position) > 0;
    const position = { sequenceNumber: last.sequenceNumber, subSequenceNumber: last.subSequenceNumber };
    if (isFurther || this.#start.type === 'AT') this.#moveTo({ type: 'AFTER', position }, true);
    else this.#moveTo(this.#start, true);
    return records;
  }

  #withoutKnown(records: readonly RecordFields[]): readonly RecordFields[] {
    const start = this.#start;
    if (start.type !== 'AFTER' || records.length === 0) return records;
    const { sequenceNumber, subSequenceNumber } = start.position;
    // Where aggregates are not taken apart, one that was begun when they were comes again: the rest of it is not to be had alone.
    const isBegunOnly = !this.#context.deaggregate && subSequenceNumber > 0;
    const known = isBegunOnly ? { sequenceNumber, subSequenceNumber: -1 } : start.position;
    const fresh = records.findIndex((record) => comparePositions(record, known) > 0);
    return fresh === 0 ? records : fresh === -1 ? [] : records.slice(fresh);
  }
}

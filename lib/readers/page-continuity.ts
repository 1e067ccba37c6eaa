import { RangeExpiredError } from '../kinesis/errors.js';
import type { GetRecordsPage } from '../kinesis/port.js';
import { barePosition, comparePositions, compareSequenceNumbers, type Position } from '../values/position.js';
import type { RecordFields } from '../values/record.js';
import { allowsGap, userRecords, type ReadContext, type ReadStart } from './reader.js';
import { TrimCheck, type Finding } from './trim-check.js';

/** Reading must be opened again at {@link PageContinuity.start}. */
export const REOPEN = Symbol('reopen');
/** The start was never the position of a record of this shard. */
export const FOREIGN = Symbol('foreign');

/**
 * Connects the pages of a shard, however they are read: it knows where reading stands, which records were read before, and whether
 * records were trimmed in between.
 *
 * @remarks
 * To start after a record, reading opens AT that record: if it comes, nothing was trimmed, and it is dropped. Until it has come, no
 * other record is dropped: a sequence number of another shard may be higher than all of this shard's.
 */
export class PageContinuity {
  readonly #context: ReadContext;
  #start: ReadStart;
  /** Whether reading opens at the oldest record instead of the start, to find out whether the start was trimmed. */
  #looksAtOldest = false;
  /** Set from the opening at a record until it is known whether that record is there. */
  #trimCheck: TrimCheck | undefined;
  #olderRecord: string | undefined;
  /** The last record read since reading was opened. */
  #lastRead: string | undefined;

  constructor(context: ReadContext, start: ReadStart) {
    this.#context = context;
    this.#start = start;
  }

  /** Where reading opens next. */
  get start(): ReadStart {
    return this.#looksAtOldest ? { type: 'TRIM_HORIZON' } : this.#start;
  }

  /** Where reading stands, also while it looks at the oldest record: for whoever reads on in its place. */
  get standing(): ReadStart {
    return this.#start;
  }

  /** The record at or after which reading starts, if it starts at a record. */
  get position(): Position | undefined {
    return 'position' in this.#start ? this.#start.position : undefined;
  }

  /** Whether {@link start} is the oldest record instead of the real start. */
  get looksAtOldest(): boolean {
    return this.#looksAtOldest;
  }

  /** The sequence number of a record before the start that is there although the start is not. */
  get olderRecord(): string | undefined {
    return this.#olderRecord;
  }

  /** Continues at another start. */
  seek(start: ReadStart): void {
    this.#moveTo(start);
    this.#trimCheck = undefined;
    this.#olderRecord = undefined;
    this.#lastRead = undefined;
  }

  /** Notes that reading was opened at {@link start}: from now on the pages show whether that record is there. */
  opened(): void {
    this.#trimCheck ??= this.#newTrimCheck();
    this.#lastRead = undefined;
  }

  /** Whether a page repeats records that were read since the opening: a cache between here and Kinesis may answer like that for ever. */
  goesBack({ Records: [first] }: GetRecordsPage): boolean {
    return first !== undefined && this.#lastRead !== undefined && compareSequenceNumbers(first.SequenceNumber, this.#lastRead) <= 0;
  }

  /** Notes that the iterator was too old, and that reading will be opened again. */
  expired(): void {
    this.#trimCheck?.noteExpired();
  }

  /** Decides what to do when the service gives no iterator at the start. */
  refused(): typeof REOPEN | typeof FOREIGN {
    this.opened();
    const finding = this.#trimCheck!.refused();
    return finding === 'foreign' ? FOREIGN : this.#reopen(finding);
  }

  /**
   * Takes a page and returns its user records that were not read before; or takes nothing, and returns what to do instead.
   *
   * @throws RangeExpiredError when records before the page were trimmed and `onGap` says `'fail'`.
   */
  accept(page: GetRecordsPage, ended: boolean): readonly RecordFields[] | typeof REOPEN | typeof FOREIGN {
    const finding = this.#trimCheck?.inspect(page, ended);
    if (finding === 'foreign') return FOREIGN;
    const [first] = page.Records;
    if (finding === 'ask') this.#olderRecord = first?.SequenceNumber;
    if (finding === 'look' || finding === 'ask') return this.#reopen(finding);
    if (finding === 'trimmed') {
      this.skipGap(this.position!, first && { sequenceNumber: first.SequenceNumber, subSequenceNumber: 0 });
      // Later pages must not be compared with a record that nobody has seen.
      if (!first && !this.#isProven) this.#moveTo({ type: 'TRIM_HORIZON' });
    }
    // Not before: where `onGap` throws, the page is read again, and the gap must be found again.
    if (finding) this.#trimCheck = undefined;
    if ('position' in this.#start && first?.SequenceNumber === this.#start.position.sequenceNumber) this.#start.noteSeen?.();
    return this.#moveAfter(page);
  }

  /** Emits a `gap` event; throws a RangeExpiredError unless `onGap` allows reading to continue without the missing records. */
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

  /** Whether the start was seen in this shard. */
  get #isProven(): boolean {
    return 'position' in this.#start && this.#start.isProven === true;
  }

  #reopen(finding: Finding): typeof REOPEN {
    this.#looksAtOldest = finding === 'look';
    return REOPEN;
  }

  #moveTo(start: ReadStart): void {
    this.#start = start;
    this.#looksAtOldest = false;
  }

  #moveAfter(page: GetRecordsPage): readonly RecordFields[] {
    const lastRead = page.Records.at(-1);
    if (!lastRead) return [];
    const records = this.#withoutKnown(userRecords(page.Records, this.#context));
    this.#lastRead = lastRead.SequenceNumber;
    // An aggregate may hold no user record at all: then the position is that of the aggregate.
    const last = records.at(-1) ?? { sequenceNumber: lastRead.SequenceNumber, subSequenceNumber: 0 };
    const known = this.#start.type === 'AFTER' ? this.#start.position : undefined;
    const isFurther = records.length > 0 || !known || comparePositions(last, known) > 0;
    this.#moveTo({ type: 'AFTER', position: isFurther ? barePosition(last) : known, isProven: true });
    return records;
  }

  #withoutKnown(records: readonly RecordFields[]): readonly RecordFields[] {
    const start = this.#start;
    if (start.type !== 'AFTER') return records;
    const { sequenceNumber, subSequenceNumber } = start.position;
    // The position lies within an aggregate, but aggregates are no longer taken apart: the whole aggregate is emitted again.
    const isBegunOnly = !this.#context.deaggregate && subSequenceNumber > 0;
    const known = isBegunOnly ? { sequenceNumber, subSequenceNumber: -1 } : start.position;
    const fresh = records.findIndex((record) => comparePositions(record, known) > 0);
    return fresh === 0 ? records : fresh === -1 ? [] : records.slice(fresh);
  }
}

/** An hour less than the least retention (24 hours: Quotas and limits, Kinesis Data Streams Developer Guide). */
const NEAR_THE_HORIZON_MS = 82_800_000;

/**
 * Whether what follows a page may be trimmed before it is read. An iterator or a continuation number would pass trimmed records in silence, so reading is
 * opened again at the last record, which shows a gap. Only after new records: an empty stretch must be passed.
 */
export function endsNearTheHorizon({ MillisBehindLatest = 0 }: GetRecordsPage, accepted: readonly RecordFields[]): boolean {
  return MillisBehindLatest > NEAR_THE_HORIZON_MS && accepted.length > 0;
}

import { RangeExpiredError } from '../kinesis/errors.js';
import type { GetRecordsPage } from '../kinesis/port.js';
import { comparePositions, type Position } from '../values/position.js';
import type { RecordFields } from '../values/record.js';
import { allowsGap, userRecords, type ReadContext, type ReadStart } from './reader.js';
import { TrimCheck } from './trim-check.js';

/**
 * Ties the pages of a shard together, whatever way they are read: where reading stands, which records are known already, whether
 * something was trimmed away in between.
 *
 * @remarks
 * Reading opens AT the record that it starts after: that this record is there proves that nothing was trimmed, and it is dropped.
 */
export class PageContinuity {
  readonly #context: ReadContext;
  #start: ReadStart;
  /** Whether Kinesis no longer knows the start, so that reading opens at the oldest record instead. */
  #isStartGone = false;
  /** Set from opening at a record until it is known whether that was trimmed. */
  #trimCheck: TrimCheck | undefined;

  constructor(context: ReadContext, start: ReadStart) {
    this.#context = context;
    this.#start = start;
  }

  /** Where reading opens next. */
  get start(): ReadStart {
    return this.#isStartGone ? { type: 'TRIM_HORIZON' } : this.#start;
  }

  /** The record that reading starts at or after, where it does. */
  get position(): Position | undefined {
    return 'position' in this.#start ? this.#start.position : undefined;
  }

  /** Whether {@link start} is the oldest record because the real one is gone. */
  get isStartGone(): boolean {
    return this.#isStartGone;
  }

  /** Starts elsewhere. */
  seek(start: ReadStart): void {
    this.#start = start;
    this.#isStartGone = false;
  }

  /** Reading was opened at {@link start}: from now on the pages tell whether that is still there. */
  opened(): void {
    this.#trimCheck = this.position && new TrimCheck(this.position, this.#context.scheduler.now());
  }

  /** Kinesis does not know the start: whether anything is missing is judged by the oldest record that is there. */
  startIsGone(): void {
    this.#isStartGone = true;
  }

  /**
   * Takes a page: its user records that are not known yet.
   *
   * @returns `'stuck'` instead when the opening will never give a record, and reading is to be opened anew.
   * @throws RangeExpiredError when records before the page were trimmed away and `onGap` says `'fail'`.
   */
  accept(page: GetRecordsPage, ended: boolean): readonly RecordFields[] | 'stuck' {
    const [first] = page.Records;
    const finding = this.#trimCheck?.inspect(page, ended);
    if (finding) this.#trimCheck = undefined;
    if (finding === 'stuck' && !this.#isStartGone) {
      this.#isStartGone = true;
      return 'stuck';
    }
    if (finding === 'trimmed' || finding === 'stuck') {
      this.skipGap(this.position!, first && { sequenceNumber: first.SequenceNumber, subSequenceNumber: 0 });
    }
    return this.#moveAfter(page);
  }

  /** Returns if the policy allows to continue without what is missing. */
  skipGap(from: Position, firstAvailable?: Position, cause?: unknown): void {
    const { onGap, notify, stream, shardId } = this.#context;
    const gap = { streamName: stream.streamName, shardId, from, ...(firstAvailable && { firstAvailable }) };
    if (!allowsGap(onGap, gap)) throw new RangeExpiredError(gap, [], cause);
    notify({ type: 'gap', ...gap });
  }

  #moveAfter(page: GetRecordsPage): readonly RecordFields[] {
    const records = this.#withoutKnown(userRecords(page.Records, this.#context));
    // An aggregate may hold no user record at all: then the place is that of the aggregate.
    const lastRead = page.Records.at(-1);
    const last = records.at(-1) ?? (lastRead && { sequenceNumber: lastRead.SequenceNumber, subSequenceNumber: 0 });
    const isFurther = records.length > 0 || !this.position || (last && comparePositions(last, this.position) > 0);
    if (last && (isFurther || this.#start.type === 'AT')) {
      this.seek({ type: 'AFTER', position: { sequenceNumber: last.sequenceNumber, subSequenceNumber: last.subSequenceNumber } });
    }
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

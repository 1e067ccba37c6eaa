import { ReadPace } from '../kinesis/read-pace.js';
import { RangePageSize } from '../readers/range-page-size.js';
import { expectedOf } from '../readers/range-scan.js';
import { comparePositions } from '../values/position.js';
import { endOf, startOf, touch, type RangeToRead } from '../values/sequence-range.js';

/** What a plan assumes of the records and of the service. */
export interface PlanAssumptions {
  readonly bytesPerRecord: number;
  readonly recordsBetween: number;
  readonly maxRecordsPerPage: number;
  readonly readsPerSecond: number;
  readonly bytesPerSecond: number;
  readonly latencyMs: number;
}

/** Ranges of one shard that are read with one iterator. */
export interface PlannedPass {
  /** The first sequence number of the first range. */
  readonly fromSeqNumber: string;
  /** The last sequence number of the last range. */
  readonly toSeqNumber: string;
  /** How many of the given ranges it has. */
  readonly ranges: number;
  /** Their records. */
  readonly records: number;
  /** GetRecords calls. */
  readonly reads: number;
}

/**
 * Goes through the pages with which the ranges of one shard would be read, by the rules of the real reader: {@link RangePageSize} decides the
 * size of each page and when a new iterator is worth it, {@link ReadPace} when it may be read.
 *
 * @remarks Pure. Its cost grows with the ranges alone: the full pages within a range are all alike, so that only two of them are gone through.
 */
export class PlannedRead {
  readonly passes: PlannedPass[] = [];
  /** Records of Kinesis that are sent, those between and behind the ranges included. */
  sentRecords = 0;

  readonly #runs: readonly Run[];
  readonly #assumed: PlanAssumptions;
  readonly #pageSize: RangePageSize;
  readonly #pace: ReadPace;
  /** The records of a page that is as large as it may be. */
  readonly #fullPage: number;
  /** The time of the pages that were gone through, which the pace knows, and of the others. */
  #nowMs: number;
  #skippedMs = 0;
  /** The run that is read, or comes next; how many of its records are read; how many other records come before it. */
  #index = 0;
  #done = 0;
  #gapLeft = 0;
  /** The records of all runs that are still to be read. */
  #remaining: number;
  /** The first run of the present iterator, and its pages. */
  #passStart = 0;
  #passReads = 0;

  /** @param ranges - of one shard, at least one, in any order. */
  constructor(ranges: readonly RangeToRead[], assumed: PlanAssumptions) {
    this.#runs = runsOf(ranges);
    this.#assumed = assumed;
    this.#pageSize = new RangePageSize(assumed.maxRecordsPerPage);
    this.#pace = new ReadPace(assumed);
    this.#remaining = this.records;
    this.#fullPage = Math.min(assumed.maxRecordsPerPage, Math.max(1, Math.floor(MAX_PAGE_BYTES / assumed.bytesPerRecord)));
    this.#nowMs = assumed.latencyMs;
    while (this.#next) this.#readOn();
    this.#endPass();
  }

  /** The time from the first call to the last answer. */
  get elapsedMs(): number {
    return this.#nowMs + this.#skippedMs;
  }

  /** The records in the ranges, each counted once. */
  get records(): number {
    return sum(this.#runs, ({ records }) => records);
  }

  get #next(): Run | undefined {
    return this.#runs[this.#index];
  }

  /** Reads the next page, or all but the last of the full pages that the present run still gives. */
  #readOn(): void {
    const nearest = this.#next!.records - this.#done;
    const fullPages = this.#gapLeft > 0 ? 0 : Math.floor((nearest - this.#assumed.maxRecordsPerPage) / this.#fullPage);
    this.#readPage(nearest);
    if (fullPages < 3) return;
    const firstMs = this.#nowMs;
    this.#readPage(nearest - this.#fullPage);
    // Each further one comes as long after the one before as the second after the first.
    this.#skippedMs += (fullPages - 2) * (this.#nowMs - firstMs);
    this.#takePages(fullPages - 2, this.#fullPage);
  }

  #readPage(nearest: number): void {
    const asked = this.#pageSize.next(this.#remaining, nearest);
    const sent = Math.min(asked, this.#fullPage);
    const startMs = Math.max(this.#nowMs, this.#pace.dueMs);
    this.#pace.begin(startMs);
    this.#nowMs = startMs + this.#assumed.latencyMs;
    this.#pace.spend(this.#nowMs, sent * this.#assumed.bytesPerRecord);
    const hasPicked = this.#takePages(1, sent);
    this.#moveOn(hasPicked);
  }

  /** Takes pages of so many records; returns whether some of these are in a range. */
  #takePages(pages: number, size: number): boolean {
    const sent = pages * size;
    const hasPicked = this.#take(sent);
    this.#pageSize.endPage(sent * this.#assumed.bytesPerRecord);
    this.#passReads += pages;
    this.sentRecords += sent;
    return hasPicked;
  }

  /** Goes over the next records of the shard; returns whether some of them are in a range. */
  #take(count: number): boolean {
    let hasPicked = false;
    for (let left = count; left > 0;) {
      const run = this.#next;
      const isPicked = this.#gapLeft === 0;
      const taken = Math.min(left, isPicked ? run!.records - this.#done : this.#gapLeft);
      this.#pageSize.countRun(taken, isPicked);
      left -= taken;
      if (isPicked) {
        hasPicked = true;
        this.#remaining -= taken;
        this.#done += taken;
        if (this.#done === run!.records) this.#leaveRun();
      } else this.#gapLeft -= taken;
    }
    return hasPicked;
  }

  #leaveRun(): void {
    const last = this.#runs[this.#index++]!;
    this.#done = 0;
    const next = this.#next;
    // Behind the last range the shard has as many records as the page asks for.
    this.#gapLeft = !next ? Infinity : touch(last.range, next.range) ? 0 : this.#assumed.recordsBetween;
  }

  /** Opens a new iterator at the next run if it is far. */
  #moveOn(hasPicked: boolean): void {
    const isInside = this.#done > 0;
    if (!this.#next || this.#index === this.#passStart || isInside || !this.#pageSize.isNextFar(hasPicked)) return;
    this.#endPass();
    this.#passStart = this.#index;
    this.#passReads = 0;
    this.#gapLeft = 0;
    this.#nowMs += this.#assumed.latencyMs;
  }

  #endPass(): void {
    const runs = this.#runs.slice(this.#passStart, this.#index);
    this.passes.push({
      fromSeqNumber: runs[0]!.range.fromSeqNumber,
      toSeqNumber: runs.at(-1)!.range.toSeqNumber,
      ranges: sum(runs, ({ ranges }) => ranges),
      records: sum(runs, ({ records }) => records),
      reads: this.#passReads,
    });
  }
}

/** A range, or ranges that overlap. */
interface Run {
  readonly range: RangeToRead;
  /** How many of the given ranges are in it. */
  readonly ranges: number;
  /** Its records: where ranges overlap in part, at most so many. */
  readonly records: number;
}

/** The ranges in order, those that overlap as one. */
function runsOf(ranges: readonly RangeToRead[]): Run[] {
  const runs: Run[] = [];
  for (const range of [...ranges].sort((a, b) => comparePositions(startOf(a), startOf(b)) || comparePositions(endOf(b), endOf(a)))) {
    const last = runs.at(-1);
    const isApart = !last || comparePositions(endOf(last.range), startOf(range)) < 0;
    if (isApart) runs.push({ range, ranges: 1, records: expectedOf(range) });
    else runs[runs.length - 1] = joined(last, range);
  }
  return runs;
}

function joined({ range, ranges, records }: Run, next: RangeToRead): Run {
  const isWithin = comparePositions(endOf(next), endOf(range)) <= 0;
  if (isWithin) return { range, ranges: ranges + 1, records };
  const { toSeqNumber, toSubSeqNumber } = next;
  return { range: { ...range, toSeqNumber, toSubSeqNumber }, ranges: ranges + 1, records: records + expectedOf(next) };
}

function sum<T>(list: readonly T[], numberOf: (item: T) => number): number {
  return list.reduce((total, item) => total + numberOf(item), 0);
}

/** GetRecords gives at most 10 MiB a page. Source: "Quotas and limits", Amazon Kinesis Data Streams Developer Guide. */
const MAX_PAGE_BYTES = 10 * 1024 * 1024;

import { catchError, defer, EMPTY, filter, map, merge, mergeMap, repeat, Subject, takeUntil, tap, throwError, type Observable } from 'rxjs';
import { delayOf } from '../internal/delay.js';
import { StallTimeout } from '../internal/stall-timeout.js';
import { RangeIncompleteError, RecoveryTimeoutError, type RangeExpiredError } from '../kinesis/errors.js';
import { shardReadError } from '../kinesis/shardReadError.js';
import type { EventSink, ReadRetryEvent } from '../monitoring/events.js';
import type { RecordFields } from '../values/record.js';
import { startOf, type RangeToRead } from '../values/sequence-range.js';
import type { EmptyStretches } from './empty-stretches.js';
import { pausedWhileQueued } from './paused-while-queued.js';
import { RangePageSize } from './range-page-size.js';
import { RangeScan } from './range-scan.js';
import { allowsGap, type ReadContext, type ShardPage } from './reader.js';
import { ReadingProgress } from './reading-progress.js';
import { ShardCursor } from './shard-cursor.js';

/** How ranges are read. */
export interface RangeReading {
  /** The longest time without a page that brings reading nearer to the end of the ranges, in ms. */
  readonly retryTimeoutMs: number;
  /** How many shards are read at once. */
  readonly concurrency: number;
  /** The most records a page. */
  readonly maxRecordsPerPage: number;
}

/** The records of one page that are in the ranges, and their shard. */
export interface RangePage {
  readonly streamName: string;
  readonly shardId: string;
  readonly records: readonly RecordFields[];
}

/** Ranges of one shard, and how to read them. */
export interface ShardRanges {
  readonly ranges: readonly RangeToRead[];
  readonly context: ReadContext;
  readonly reading: RangeReading;
  readonly stretches: EmptyStretches;
}

/**
 * Reads ranges of one shard in one pass: it reads on from range to range, and opens a new iterator only for a range that is far.
 * The scan, which knows the ranges, reports missing records, and not the cursor.
 */
export function readShardRanges(own: ShardRanges): Observable<RangePage> {
  return defer(() => new ShardRangesReading(own).pages());
}

class ShardRangesReading {
  readonly #context: ReadContext;
  readonly #reading: RangeReading;
  readonly #stretches: EmptyStretches;
  readonly #scan: RangeScan;
  readonly #cursor: ShardCursor;
  readonly #pageSize: RangePageSize;
  readonly #progress = new ReadingProgress();
  readonly #patience: StallTimeout;
  /** The range that the iterator was opened for. */
  #aim: RangeToRead;
  /** Whether the next read must keep a distance from the last one, and when the last one began. */
  #isSpaced = false;
  #readAtMs = 0;
  /** Pages in a row that were empty at the newest record. */
  #pagesAtTheTip = 0;
  /** The error of the last call, if no call has succeeded since. */
  #lastFault: unknown;

  constructor({ ranges, context, reading, stretches }: ShardRanges) {
    this.#context = context;
    this.#reading = reading;
    this.#stretches = stretches;
    this.#scan = new RangeScan(ranges, (error) => skipGap(error, context));
    this.#pageSize = new RangePageSize(reading.maxRecordsPerPage);
    this.#patience = new StallTimeout(reading.retryTimeoutMs, context.scheduler);
    const budget = pausedWhileQueued(context.budget, this.#patience);
    const notify: EventSink = (event) => {
      if (event.type === 'readRetry') this.#retried(event);
      if (event.type !== 'gap') context.notify(event);
    };
    this.#aim = this.#scan.next!;
    this.#cursor = new ShardCursor({ ...context, budget, onGap: 'continue', notify }, { type: 'AT', position: startOf(this.#aim) });
    this.#skipStretch();
  }

  /** Emits the records of each page that are in the ranges; completes after the last range. */
  pages(): Observable<RangePage> {
    const { scheduler, stream, shardId } = this.#context;
    const scan = this.#scan;
    const done$ = new Subject<void>();
    const pages$ = defer(() => this.#read()).pipe(
      map((page) => this.#pick(page)),
      repeat({ delay: () => (scan.isDone ? EMPTY : delayOf(this.#spacingMs(), scheduler)) }),
      filter((page) => page.records.length > 0),
      tap({
        complete: () => {
          this.#stretches.clear();
          done$.next();
        },
      }),
    );
    const stalled$ = this.#patience.ranOut().pipe(
      mergeMap(() => throwError(() => this.#stalled())),
      takeUntil(done$),
    );
    return merge(stalled$, pages$).pipe(
      catchError((error: unknown) => throwError(() => shardReadError(error, { streamName: stream.streamName, shardId }))),
    );
  }

  #read(): Observable<ShardPage> {
    this.#readAtMs = this.#context.scheduler.now();
    return this.#cursor.read(this.#pageSize.next(this.#scan.remaining, this.#scan.nearest));
  }

  /** The rest of the time between two reads: never more than that time, even if the clock was set back. */
  #spacingMs(): number {
    return this.#isSpaced ? Math.min(EMPTY_SPACING_MS, this.#readAtMs + EMPTY_SPACING_MS - this.#context.scheduler.now()) : 0;
  }

  #pick(page: ShardPage): RangePage {
    const { stream, shardId } = this.#context;
    this.#lastFault = undefined;
    const records = page.records.filter((record) => {
      const isPicked = this.#scan.picks(record);
      this.#pageSize.count(record.sequenceNumber, isPicked);
      return isPicked;
    });
    this.#pageSize.endPage(page.bytes);
    this.#scan.endPage();
    this.#noteProgress(page);
    if (page.ended || this.#pagesAtTheTip > SPACINGS_TO_BELIEVE_THE_TIP) this.#scan.end();
    this.#moveOn(records.length > 0);
    return { streamName: stream.streamName, shardId, records };
  }

  #noteProgress(page: ShardPage): void {
    const { place } = this.#cursor;
    const isNearer = this.#progress.isNearer(page);
    const isEmpty = page.records.length === 0;
    const isEmptyTip = isEmpty && page.millisBehindLatest === 0;
    if (isNearer) this.#patience.renew();
    if (isEmpty && isNearer) this.#stretches.extend(place, this.#progress.behindMs);
    if (isEmpty && !isNearer) this.#stretches.forget(place.start);
    this.#pagesAtTheTip = isEmptyTip ? this.#pagesAtTheTip + 1 : 0;
    this.#isSpaced = isEmptyTip || (isEmpty && !isNearer);
  }

  /** Jumps to the next range if it is far, or to the place that an earlier read has reached. */
  #moveOn(hasPicked: boolean): void {
    const { next, isInside } = this.#scan;
    if (next && next !== this.#aim && !isInside && this.#pageSize.isNextFar(hasPicked)) {
      this.#aim = next;
      this.#cursor.seek({ type: 'AT', position: startOf(next) });
      this.#pageSize.jumped();
      this.#progress.jumped();
    }
    this.#skipStretch();
  }

  #skipStretch(): void {
    const { start, iterator } = this.#cursor.place;
    const stretch = this.#stretches.from(start);
    if (!stretch || stretch.iterator === iterator) return;
    this.#cursor.seek(start, stretch.iterator);
    this.#progress.jumped(stretch.behindMs);
  }

  #retried({ reason, error }: Pick<ReadRetryEvent, 'error' | 'reason'>): void {
    this.#lastFault = error;
    if (reason !== 'iterator') return;
    this.#stretches.forget(this.#cursor.place.start);
    this.#progress.startedOver();
  }

  #stalled(): RecoveryTimeoutError {
    return new RecoveryTimeoutError(this.#scan.pending, this.#reading.retryTimeoutMs, this.#lastFault);
  }
}

/** The spacing of reads after an empty page that came no nearer: Kinesis allows 5 reads a second and shard. */
const EMPTY_SPACING_MS = 200;

/** Three seconds of empty pages at the newest record, until it counts as the last one: a record just written may not be seen at once. */
const SPACINGS_TO_BELIEVE_THE_TIP = 15;

function skipGap(error: RangeExpiredError | RangeIncompleteError, { onGap, notify }: ReadContext): void {
  if (error instanceof RangeIncompleteError) throw error;
  if (!allowsGap(onGap, error.gap)) throw error;
  notify({ type: 'gap', ...error.gap });
}

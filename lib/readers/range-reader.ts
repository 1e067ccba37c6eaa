import {
  catchError,
  defer,
  EMPTY,
  filter,
  from,
  ignoreElements,
  map,
  merge,
  mergeMap,
  repeat,
  Subject,
  take,
  takeUntil,
  tap,
  throwError,
  type Observable,
} from 'rxjs';
import { delayOf } from '../internal/delay.js';
import type { EventSink } from '../monitoring/events.js';
import type { RecordFields } from '../values/record.js';
import { startOf, type SequenceNumberRange } from '../values/sequence-range.js';
import { RangeIncompleteError, RecoveryTimeoutError, type RangeExpiredError } from '../kinesis/errors.js';
import { StallTimeout } from '../internal/stall-timeout.js';
import { RangeScan } from './range-scan.js';
import type { ReadBudget } from '../kinesis/read-budget.js';
import { allowsGap, type ReadContext, type ShardPage } from './reader.js';
import { ShardCursor } from './shard-cursor.js';
import { shardReadError } from '../kinesis/shardReadError.js';

/** How ranges are read. */
export interface RangeReading {
  /** The longest time without a record of the ranges, in ms. */
  readonly retryTimeoutMs: number;
  /** How many shards are read at once. */
  readonly concurrency: number;
  /** Records a page, at most. */
  readonly maxRecordsPerPage: number;
}

/** The records of one page that are in the ranges, and the shard they are of. */
export interface RangePage {
  readonly streamName: string;
  readonly shardId: string;
  readonly records: readonly RecordFields[];
}

/** Reads ranges of one stream, shard by shard in parallel, in order within each. `contextOf` says how to read a shard. */
export function readRanges(
  ranges: readonly SequenceNumberRange[],
  contextOf: (shardId: string) => ReadContext,
  reading: RangeReading,
): Observable<RangePage> {
  const byShard = new Map<string, SequenceNumberRange[]>();
  for (const range of ranges) byShard.set(range.shardId, [...(byShard.get(range.shardId) ?? []), range]);
  return from(byShard).pipe(mergeMap(([shardId, own]) => readShardRanges(own, contextOf(shardId), reading), reading.concurrency));
}

/**
 * Reads ranges of one shard in one pass: reading goes on from range to range, and jumps with a new iterator only when a whole
 * page had nothing of them. What is missing is for the scan to tell, which knows the ranges, and not for the cursor.
 */
function readShardRanges(ranges: readonly SequenceNumberRange[], context: ReadContext, reading: RangeReading): Observable<RangePage> {
  return defer(() => new ShardRangesReading(ranges, context, reading).pages());
}

class ShardRangesReading {
  readonly #context: ReadContext;
  readonly #reading: RangeReading;
  readonly #scan: RangeScan;
  readonly #cursor: ShardCursor;
  readonly #patience: StallTimeout;
  /** The range that the iterator was opened for. */
  #aim: SequenceNumberRange | undefined;
  #pagesAtTheTip = 0;
  /** What the last call failed with, if none has succeeded since. */
  #lastFault: unknown;

  constructor(ranges: readonly SequenceNumberRange[], context: ReadContext, reading: RangeReading) {
    this.#context = context;
    this.#reading = reading;
    this.#scan = new RangeScan(ranges, (error) => skipGap(error, context));
    const notify: EventSink = (event) => {
      if (event.type === 'readRetry') this.#lastFault = event.error;
      if (event.type !== 'gap') context.notify(event);
    };
    this.#aim = this.#scan.pending[0];
    this.#patience = new StallTimeout(reading.retryTimeoutMs, context.scheduler);
    const budget = pausedWhileQueued(context.budget, this.#patience);
    this.#cursor = new ShardCursor({ ...context, budget, onGap: 'continue', notify }, { type: 'AT', position: startOf(this.#aim!) });
  }

  /** The pages' records that are in the ranges; completes when the last range is behind. */
  pages(): Observable<RangePage> {
    const { scheduler, stream, shardId } = this.#context;
    const { maxRecordsPerPage } = this.#reading;
    const scan = this.#scan;
    const done$ = new Subject<void>();
    const pages$ = defer(() => this.#cursor.read(Math.min(maxRecordsPerPage, scan.remaining))).pipe(
      map((page) => this.#pick(page)),
      repeat({ delay: () => (scan.isDone ? EMPTY : delayOf(0, scheduler)) }),
      filter((page) => page.records.length > 0),
      tap({ next: () => this.#patience.renew(), complete: () => done$.next() }),
    );
    const stalled$ = this.#patience.ranOut().pipe(
      mergeMap(() => throwError(() => this.#stalled())),
      takeUntil(done$),
    );
    return merge(stalled$, pages$).pipe(
      catchError((error: unknown) => throwError(() => shardReadError(error, { streamName: stream.streamName, shardId }))),
    );
  }

  #pick(page: ShardPage): RangePage {
    const scan = this.#scan;
    const { stream, shardId } = this.#context;
    this.#lastFault = undefined;
    const records = page.records.filter((record) => scan.picks(record));
    const isAtTheTip = page.records.length === 0 && page.millisBehindLatest === 0;
    this.#pagesAtTheTip = isAtTheTip ? this.#pagesAtTheTip + 1 : 0;
    if (page.ended || this.#pagesAtTheTip === PAGES_TO_BELIEVE_THE_TIP) scan.end();
    const [next] = scan.pending;
    if (next && next !== this.#aim && records.length === 0 && !scan.isInside) {
      this.#aim = next;
      this.#cursor.seek({ type: 'AT', position: startOf(next) });
    }
    return { streamName: stream.streamName, shardId, records };
  }

  #stalled(): RecoveryTimeoutError {
    return new RecoveryTimeoutError(this.#scan.pending, this.#reading.retryTimeoutMs, this.#lastFault);
  }
}

/** Waiting longer than the spacing of one's own reads, for a budget that others use too, is no lack of progress. */
function pausedWhileQueued(budget: ReadBudget, patience: StallTimeout): ReadBudget {
  return {
    acquire: (shard, scheduler) => {
      const pause$ = delayOf(LONG_WAIT_MS, scheduler).pipe(
        tap(() => patience.pause()),
        ignoreElements(),
      );
      const turn$ = budget.acquire(shard, scheduler).pipe(tap(() => patience.resume()));
      return merge(turn$, pause$).pipe(take(1));
    },
    spend: (shard, bytes, scheduler) => budget.spend(shard, bytes, scheduler),
    forget: (shard) => budget.forget(shard),
  };
}

const LONG_WAIT_MS = 1_000;

/** An iterator at the newest record may give an empty page before it gives a record: so many in a row are believed. */
const PAGES_TO_BELIEVE_THE_TIP = 3;

function skipGap(error: RangeExpiredError | RangeIncompleteError, { onGap, notify }: ReadContext): void {
  if (error instanceof RangeIncompleteError) throw error;
  if (!allowsGap(onGap, error.gap)) throw error;
  notify({ type: 'gap', ...error.gap });
}

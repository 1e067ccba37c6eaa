import { catchError, defer, EMPTY, filter, from, map, mergeMap, repeat, throwError, timeout, type Observable } from 'rxjs';
import { delayOf } from '../internal/delay.js';
import { startOf, type SequenceNumberRange } from '../values/sequence-range.js';
import { RangeExpiredError, RangeIncompleteError, RecoveryTimeoutError } from './errors.js';
import type { PortRecord } from './port.js';
import { RangeScan } from './range-scan.js';
import { positionOf, type GapPolicy, type ReadContext, type ShardPage } from './reading.js';
import { ShardCursor } from './shard-cursor.js';
import { shardReadError } from './shardReadError.js';

/** How ranges are read. */
export interface RangeReading {
  /** The longest time without a record or an answer that says there is none, in ms. */
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
  readonly records: readonly PortRecord[];
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
 * page had nothing of them.
 */
function readShardRanges(ranges: readonly SequenceNumberRange[], context: ReadContext, reading: RangeReading): Observable<RangePage> {
  return defer(() => {
    let lastFault: unknown;
    const scan = new RangeScan(ranges, (error) => passOver(error, context));
    const cursor = new ShardCursor(
      {
        ...context,
        onGap: (gap) => decide(context.onGap, new RangeExpiredError(gap, scan.pending)),
        notify: (event) => {
          if (event.type === 'readRetry') lastFault = event.error;
          context.notify(event);
        },
      },
      { type: 'AT', position: startOf(scan.pending[0]!) },
    );
    let pagesAtTheTip = 0;

    const pick = (page: ShardPage): RangePage => {
      lastFault = undefined;
      const records = page.records.filter((record) => scan.picks(positionOf(record)));
      pagesAtTheTip = page.records.length === 0 && page.millisBehindLatest === 0 ? pagesAtTheTip + 1 : 0;
      if (page.ended || pagesAtTheTip === PAGES_TO_BELIEVE_THE_TIP) scan.end();
      const next = scan.pending[0];
      if (next && !scan.isInside && records.length === 0 && page.records.length > 0) cursor.seek({ type: 'AT', position: startOf(next) });
      return { streamName: context.stream.streamName, shardId: context.shardId, records };
    };

    // Nothing came for too long: because calls failed, or because Kinesis has only empty pages to give.
    const stalled = (): Observable<never> =>
      throwError(() => {
        const [range] = scan.pending;
        if (lastFault !== undefined || !range) return new RecoveryTimeoutError(scan.pending, reading.retryTimeoutMs, lastFault);
        const { streamName, shardId } = range;
        return new RangeExpiredError({ streamName, shardId, from: startOf(range) }, scan.pending);
      });

    return defer(() => cursor.read(Math.min(reading.maxRecordsPerPage, scan.remaining))).pipe(
      map(pick),
      repeat({ delay: () => (scan.isDone ? EMPTY : delayOf(0, context.scheduler)) }),
      filter((page) => page.records.length > 0 || scan.isDone),
      timeout({ each: reading.retryTimeoutMs, with: stalled, scheduler: context.scheduler }),
      filter((page) => page.records.length > 0),
      catchError((error: unknown) =>
        throwError(() => shardReadError(error, { streamName: context.stream.streamName, shardId: context.shardId })),
      ),
    );
  });
}

/** An iterator at the newest record may give an empty page before it gives a record: so many in a row are believed. */
const PAGES_TO_BELIEVE_THE_TIP = 3;

function decide(onGap: GapPolicy, error: RangeExpiredError): 'continue' {
  const decision = typeof onGap === 'function' ? onGap(error.gap) : onGap;
  if (decision !== 'continue') throw error;
  return decision;
}

function passOver(error: RangeExpiredError | RangeIncompleteError, { onGap, notify }: ReadContext): void {
  if (error instanceof RangeIncompleteError) throw error;
  decide(onGap, error);
  notify({ type: 'gap', ...error.gap });
}

import { catchError, concatMap, defer, map, of, take, tap, type Observable } from 'rxjs';
import { comparePositions, type Position } from '../values/position.js';
import { nameOf } from '../internal/aws-errors.js';
import { classify } from '../kinesis/classify.js';
import { RangeExpiredError, ShardReadError } from '../kinesis/errors.js';
import { findShard } from '../kinesis/listShards.js';
import type { GetRecordsPage, GetShardIteratorRequest, PortRecord } from '../kinesis/port.js';
import { budgetKey, bytesOf, allowsGap, positionOf, type ReadContext, type ReadStart, type ShardPage } from './reader.js';
import { retryFaults, type RetryNotice } from '../kinesis/retry.js';
import { TrimCheck } from './trim-check.js';

/**
 * A place in a shard, moved by reading.
 *
 * @remarks
 * Keeps the iterator, and opens a new one at the last record read when it has expired. Records up to the place it starts
 * after are dropped; that the first of them is there proves that nothing was trimmed away in between.
 */
export class ShardCursor {
  readonly #context: ReadContext;
  #place: ReadStart;
  /** Whether Kinesis no longer knows the place, so that iterators are opened at the oldest record instead. */
  #isPlaceGone = false;
  #iterator: string | undefined;
  /** Set from opening an iterator at a record until it is known whether that was trimmed. */
  #trimCheck: TrimCheck | undefined;

  constructor(context: ReadContext, start: ReadStart) {
    this.#context = context;
    this.#place = start;
  }

  /** Goes to another place; the next read opens a new iterator there. */
  seek(start: ReadStart): void {
    this.#place = start;
    this.#isPlaceGone = false;
    this.#iterator = undefined;
  }

  /** Reads one page of at most `limit` records, within the budget, trying faults that pass again. */
  read(limit: number): Observable<ShardPage> {
    return defer(() => (this.#iterator === undefined ? this.#open() : of(this.#iterator))).pipe(
      concatMap((iterator) => (iterator === undefined ? of(NOTHING_LEFT) : this.#getRecords(iterator, limit))),
      retryFaults(this.#context.retry, (notice) => this.#notifyRetry(notice)),
    );
  }

  #getRecords(ShardIterator: string, Limit: number): Observable<ShardPage> {
    const { port, budget, scheduler, stream } = this.#context;
    const { StreamARN } = stream.id;
    const key = budgetKey(this.#context);
    return budget.acquire(key, scheduler).pipe(
      take(1),
      concatMap(() => port.getRecords({ ShardIterator, Limit, ...(StreamARN && { StreamARN }) })),
      tap({
        error: (error: unknown) => {
          if (classify(error) === 'iterator') this.#iterator = undefined;
        },
      }),
      concatMap((page) => {
        const bytes = bytesOf(page.Records);
        budget.spend(key, bytes, scheduler);
        return this.#accept(page, bytes);
      }),
    );
  }

  /** Emits an iterator, or `undefined` when the shard is gone with all its records. */
  #open(): Observable<string | undefined> {
    const { port, stream, shardId, scheduler } = this.#context;
    const place = this.#place;
    const at = this.#isPlaceGone ? iteratorRequest({ type: 'TRIM_HORIZON' }) : iteratorRequest(place);
    return port.getShardIterator({ ...stream.id, ShardId: shardId, ...at } as GetShardIteratorRequest).pipe(
      tap((iterator) => {
        this.#iterator = iterator;
        this.#trimCheck = 'position' in place ? new TrimCheck(place.position, scheduler.now()) : undefined;
      }),
      catchError((error: unknown) => this.#refused(error)),
    );
  }

  /** Kinesis does not open an iterator at this place: is the place gone, or the time not come, or is it another fault? */
  #refused(error: unknown): Observable<string | undefined> {
    const { port, stream, shardId } = this.#context;
    const place = this.#place;
    const name = nameOf(error);
    if (place.type === 'AT_TIMESTAMP' && name === 'InvalidArgumentException') {
      const message = `the time ${place.timestamp.toISOString()} is not in the past for Kinesis`;
      throw new ShardReadError(message, { ...this.#shard(), retriable: true, cause: error });
    }
    if (!('position' in place) || this.#isPlaceGone) throw error;
    if (name === 'InvalidArgumentException') return this.#openAtHorizon();
    if (name !== 'ResourceNotFoundException') throw error;
    // Either the stream is unknown, and listing its shards says so, or only the record or its shard is gone.
    return findShard(port, stream.id, shardId).pipe(
      concatMap((shard) => {
        if (shard) return this.#openAtHorizon();
        this.#skipGap(place.position, undefined, error);
        return of(undefined);
      }),
    );
  }

  /** Whether anything is missing is judged by the oldest record that is there. */
  #openAtHorizon(): Observable<string | undefined> {
    this.#isPlaceGone = true;
    return this.#open();
  }

  /** Returns if the policy allows to go on without what is missing. */
  #skipGap(from: Position, firstAvailable?: Position, cause?: unknown): void {
    const { onGap, notify } = this.#context;
    const gap = { ...this.#shard(), from, ...(firstAvailable && { firstAvailable }) };
    if (!allowsGap(onGap, gap)) throw new RangeExpiredError(gap, [], cause);
    notify({ type: 'gap', ...gap });
  }

  #accept(page: GetRecordsPage, bytes: number): Observable<ShardPage> {
    const hasChildren = (page.ChildShards ?? []).length > 0;
    // Only once it is known whether the shard has ended does the cursor move: a fault before that reads the page again.
    const ended$ = page.NextShardIterator !== undefined ? of(false) : hasChildren ? of(true) : this.#isClosed();
    return ended$.pipe(map((ended) => this.#moveBehind(page, bytes, ended)));
  }

  #moveBehind(page: GetRecordsPage, bytes: number, ended: boolean): ShardPage {
    this.#iterator = page.NextShardIterator;
    this.#checkTrimmed(page, ended);
    const records = this.#withoutKnown(page.Records);
    const last = records.at(-1);
    if (last) {
      this.#place = { type: 'AFTER', position: positionOf(last) };
      this.#isPlaceGone = false;
    }
    const millisBehindLatest = page.MillisBehindLatest ?? 0;
    return { records, bytes, millisBehindLatest, ended, childShards: page.ChildShards ?? [] };
  }

  #checkTrimmed(page: GetRecordsPage, ended: boolean): void {
    const place = this.#place;
    const finding = this.#trimCheck?.inspect(page, ended);
    if (!finding || !('position' in place)) return;
    this.#trimCheck = undefined;
    if (finding === 'stuck' && !this.#isPlaceGone) {
      this.#isPlaceGone = true;
      this.#iterator = undefined;
    } else if (finding !== 'intact') {
      const [first] = page.Records;
      this.#skipGap(place.position, first && positionOf(first));
    }
  }

  /** An iterator that ends without naming children ends the shard only if the list of shards says that it is closed. */
  #isClosed(): Observable<boolean> {
    const { port, stream, shardId } = this.#context;
    return findShard(port, stream.id, shardId).pipe(
      map((shard) => shard?.SequenceNumberRange.EndingSequenceNumber !== undefined || !shard),
    );
  }

  #withoutKnown(records: readonly PortRecord[]): readonly PortRecord[] {
    const place = this.#place;
    if (place.type !== 'AFTER' || records.length === 0) return records;
    const fresh = records.findIndex((record) => comparePositions(positionOf(record), place.position) > 0);
    return fresh === 0 ? records : fresh === -1 ? [] : records.slice(fresh);
  }

  #notifyRetry(notice: RetryNotice): void {
    this.#context.notify({ type: 'readRetry', ...this.#shard(), ...notice });
  }

  #shard(): { streamName: string; shardId: string } {
    return { streamName: this.#context.stream.streamName, shardId: this.#context.shardId };
  }
}

/** The page of a shard that is gone: what it became, the listing knows. */
const NOTHING_LEFT: ShardPage = { records: [], bytes: 0, millisBehindLatest: 0, ended: true, childShards: [] };

function iteratorRequest(place: ReadStart): object {
  if (place.type === 'TRIM_HORIZON') return { ShardIteratorType: 'TRIM_HORIZON' };
  if (place.type === 'AT_TIMESTAMP') return { ShardIteratorType: 'AT_TIMESTAMP', Timestamp: place.timestamp };
  // Also for AFTER: seeing the record itself again proves that it has not been trimmed, and the rest of its aggregate follows.
  return { ShardIteratorType: 'AT_SEQUENCE_NUMBER', StartingSequenceNumber: place.position.sequenceNumber };
}

import { catchError, concatMap, defer, map, of, take, tap, type Observable } from 'rxjs';
import { comparePositions } from '../values/position.js';
import { classify, nameOf } from './classify.js';
import { RangeExpiredError, ShardReadError, type Gap } from './errors.js';
import { findShard } from './listShards.js';
import type { GetRecordsPage, GetShardIteratorRequest, PortRecord } from './port.js';
import { budgetKey, bytesOf, positionOf, type ReadContext, type ReadStart, type ShardPage } from './reading.js';
import { retryFaults, type RetryNotice } from './retry.js';

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
  #iterator: string | undefined;
  /** Set from opening an iterator until the first record that comes from it. */
  #openedAtMs: number | undefined;

  constructor(context: ReadContext, start: ReadStart) {
    this.#context = context;
    this.#place = start;
  }

  /** Goes to another place; the next read opens a new iterator there. */
  seek(start: ReadStart): void {
    this.#place = start;
    this.#iterator = undefined;
  }

  /** Reads one page of at most `limit` records, within the budget, trying faults that pass again. */
  read(limit: number): Observable<ShardPage> {
    const { port, budget, scheduler, stream, retry } = this.#context;
    const key = budgetKey(this.#context);
    return defer(() => (this.#iterator === undefined ? this.#open() : of(this.#iterator))).pipe(
      concatMap((iterator) =>
        budget.acquire(key, scheduler).pipe(
          take(1),
          map(() => iterator),
        ),
      ),
      concatMap((ShardIterator) =>
        port.getRecords({ ShardIterator, Limit: limit, ...(stream.id.StreamARN && { StreamARN: stream.id.StreamARN }) }),
      ),
      tap({
        next: (page) => budget.spend(key, bytesOf(page.Records), scheduler),
        error: (error: unknown) => {
          if (classify(error) === 'iterator') this.#iterator = undefined;
        },
      }),
      concatMap((page) => this.#accept(page)),
      retryFaults(retry, (notice) => this.#notifyRetry(notice)),
    );
  }

  #open(): Observable<string> {
    const { port, stream, shardId, scheduler } = this.#context;
    return port.getShardIterator({ ...stream.id, ShardId: shardId, ...iteratorRequest(this.#place) } as GetShardIteratorRequest).pipe(
      tap((iterator) => {
        this.#iterator = iterator;
        this.#openedAtMs = scheduler.now();
      }),
      catchError((error: unknown) => this.#refused(error)),
    );
  }

  /** Kinesis does not open an iterator at this place: is the place gone, or the time not come, or is it another fault? */
  #refused(error: unknown): Observable<string> {
    const { port, stream, shardId } = this.#context;
    const place = this.#place;
    const name = nameOf(error);
    if (place.type === 'AT_TIMESTAMP' && name === 'InvalidArgumentException') {
      const message = `the time ${place.timestamp.toISOString()} is not in the past for Kinesis`;
      throw new ShardReadError(message, { ...this.#shard(), retriable: true, cause: error });
    }
    if (!('position' in place)) throw error;
    const fromHorizon = (): Observable<string> => {
      this.#passOver({ ...this.#shard(), from: place.position }, error);
      this.seek({ type: 'TRIM_HORIZON' });
      return this.#open();
    };
    if (name === 'InvalidArgumentException') return fromHorizon();
    // Either the stream is unknown, and listing its shards says so, or only the record or its shard is gone.
    if (name === 'ResourceNotFoundException') return findShard(port, stream.id, shardId).pipe(concatMap(fromHorizon));
    throw error;
  }

  /** Returns if the policy allows to go on without what is missing. */
  #passOver(gap: Gap, cause?: unknown): void {
    const { onGap, notify } = this.#context;
    const decision = typeof onGap === 'function' ? onGap(gap) : onGap;
    if (decision !== 'continue') throw new RangeExpiredError(gap, [], cause);
    notify({ type: 'gap', ...gap });
  }

  #accept(page: GetRecordsPage): Observable<ShardPage> {
    const gap = this.#gapBefore(page.Records);
    if (gap) this.#passOver(gap);
    const childShards = page.ChildShards ?? [];
    // Only once it is known whether the shard has ended does the cursor move: a fault before that reads the page again.
    const ended$ = page.NextShardIterator !== undefined ? of(false) : childShards.length > 0 ? of(true) : this.#isClosed();
    return ended$.pipe(map((ended) => this.#moveBehind(page, ended)));
  }

  #moveBehind(page: GetRecordsPage, ended: boolean): ShardPage {
    const records = this.#withoutKnown(page.Records);
    const last = records.at(-1);
    if (last) this.#place = { type: 'AFTER', position: positionOf(last) };
    if (page.Records.length > 0) this.#openedAtMs = undefined;
    this.#iterator = page.NextShardIterator;
    return {
      records,
      bytes: bytesOf(page.Records),
      millisBehindLatest: page.MillisBehindLatest ?? 0,
      ended,
      childShards: page.ChildShards ?? [],
    };
  }

  /** An iterator that ends without naming children ends the shard only if the list of shards says that it is closed. */
  #isClosed(): Observable<boolean> {
    const { port, stream, shardId } = this.#context;
    return findShard(port, stream.id, shardId).pipe(
      map((shard) => shard?.SequenceNumberRange.EndingSequenceNumber !== undefined || !shard),
    );
  }

  /**
   * The first record after opening an iterator after a position is the one at that position, unless it was trimmed. A
   * record that came while the shard was being read proves nothing: then there may have been none to lose.
   */
  #gapBefore(records: readonly PortRecord[]): Gap | undefined {
    const first = records[0];
    if (this.#place.type !== 'AFTER' || this.#openedAtMs === undefined || !first) return undefined;
    const firstAvailable = positionOf(first);
    if (comparePositions(firstAvailable, this.#place.position) <= 0) return undefined;
    if (first.ApproximateArrivalTimestamp && first.ApproximateArrivalTimestamp.getTime() >= this.#openedAtMs) return undefined;
    return { ...this.#shard(), from: this.#place.position, firstAvailable };
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

function iteratorRequest(place: ReadStart): object {
  if (place.type === 'TRIM_HORIZON') return { ShardIteratorType: 'TRIM_HORIZON' };
  if (place.type === 'AT_TIMESTAMP') return { ShardIteratorType: 'AT_TIMESTAMP', Timestamp: place.timestamp };
  // Also for AFTER: seeing the record itself again proves that it has not been trimmed, and the rest of its aggregate follows.
  return { ShardIteratorType: 'AT_SEQUENCE_NUMBER', StartingSequenceNumber: place.position.sequenceNumber };
}

import { catchError, concatMap, defer, map, of, take, tap, type Observable } from 'rxjs';
import { nameOf } from '../internal/aws-errors.js';
import { classify } from '../kinesis/classify.js';
import { ShardReadError } from '../kinesis/errors.js';
import { findShard } from '../kinesis/listShards.js';
import type { GetRecordsPage, GetShardIteratorRequest } from '../kinesis/port.js';
import { retryFaults } from '../kinesis/retry.js';
import { PageContinuity } from './page-continuity.js';
import { budgetKey, bytesOf, type ReadContext, type ReadStart, type ShardPage } from './reader.js';

/**
 * Reads a shard with GetRecords: keeps the iterator, and opens a new one where reading stands when it has expired.
 *
 * @remarks Where reading stands, and what was trimmed, is for {@link PageContinuity} to know.
 */
export class ShardCursor {
  readonly #context: ReadContext;
  readonly #continuity: PageContinuity;
  #iterator: string | undefined;

  constructor(context: ReadContext, start: ReadStart) {
    this.#context = context;
    this.#continuity = new PageContinuity(context, start);
  }

  /** Starts elsewhere: the next read opens a new iterator there. */
  seek(start: ReadStart): void {
    this.#continuity.seek(start);
    this.#iterator = undefined;
  }

  /** Reads one page of at most `limit` records, within the budget, trying faults that pass again. */
  read(limit: number): Observable<ShardPage> {
    const { retry, notify } = this.#context;
    return defer(() => (this.#iterator === undefined ? this.#open() : of(this.#iterator))).pipe(
      concatMap((iterator) => (iterator === undefined ? of(NOTHING_LEFT) : this.#getRecords(iterator, limit))),
      retryFaults(retry, (notice) => notify({ type: 'readRetry', ...this.#shard(), ...notice })),
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
        // Only once it is known whether the shard has ended does reading move on: a fault before that reads the page again.
        return this.#hasEnded(page).pipe(map((ended) => this.#accept(page, bytes, ended)));
      }),
    );
  }

  #accept(page: GetRecordsPage, bytes: number, ended: boolean): ShardPage {
    this.#iterator = page.NextShardIterator;
    const records = this.#continuity.accept(page, ended);
    if (records === 'stuck') this.#iterator = undefined;
    return {
      records: records === 'stuck' ? [] : records,
      bytes,
      millisBehindLatest: page.MillisBehindLatest ?? 0,
      ended,
      childShards: page.ChildShards ?? [],
    };
  }

  /** An iterator that ends without naming children ends the shard only if the list of shards says that it is closed. */
  #hasEnded({ NextShardIterator, ChildShards = [] }: GetRecordsPage): Observable<boolean> {
    if (NextShardIterator !== undefined) return of(false);
    if (ChildShards.length > 0) return of(true);
    const { port, stream, shardId } = this.#context;
    return findShard(port, stream.id, shardId).pipe(
      map((shard) => shard?.SequenceNumberRange.EndingSequenceNumber !== undefined || !shard),
    );
  }

  /** Emits an iterator, or `undefined` when the shard is gone with all its records. */
  #open(): Observable<string | undefined> {
    const { port, stream, shardId } = this.#context;
    const request = { ...stream.id, ShardId: shardId, ...iteratorRequest(this.#continuity.start) } as GetShardIteratorRequest;
    return port.getShardIterator(request).pipe(
      tap((iterator) => {
        this.#iterator = iterator;
        this.#continuity.opened();
      }),
      catchError((error: unknown) => this.#refused(error)),
    );
  }

  /** GetShardIterator failed: tells a trimmed position from a future timestamp and from any other error. */
  #refused(error: unknown): Observable<string | undefined> {
    const { start, position, isStartGone } = this.#continuity;
    const name = nameOf(error);
    if (start.type === 'AT_TIMESTAMP' && name === 'InvalidArgumentException') {
      const message = `the time ${start.timestamp.toISOString()} is not in the past for Kinesis`;
      throw new ShardReadError(message, { ...this.#shard(), retriable: true, cause: error });
    }
    if (!position || isStartGone) throw error;
    if (name === 'InvalidArgumentException') return this.#openAtHorizon();
    if (name !== 'ResourceNotFoundException') throw error;
    // Either the stream is unknown, and listing its shards says so, or only the record or its shard is gone.
    const { port, stream, shardId } = this.#context;
    return findShard(port, stream.id, shardId).pipe(
      concatMap((shard) => {
        if (shard) return this.#openAtHorizon();
        this.#continuity.skipGap(position, undefined, error);
        return of(undefined);
      }),
    );
  }

  #openAtHorizon(): Observable<string | undefined> {
    this.#continuity.startIsGone();
    return this.#open();
  }

  #shard(): { streamName: string; shardId: string } {
    return { streamName: this.#context.stream.streamName, shardId: this.#context.shardId };
  }
}

/** The page of a shard that is gone: what it became, the listing knows. */
const NOTHING_LEFT: ShardPage = { records: [], bytes: 0, millisBehindLatest: 0, ended: true, childShards: [] };

function iteratorRequest(start: ReadStart): object {
  if (start.type === 'TRIM_HORIZON') return { ShardIteratorType: 'TRIM_HORIZON' };
  if (start.type === 'AT_TIMESTAMP') return { ShardIteratorType: 'AT_TIMESTAMP', Timestamp: start.timestamp };
  // Also for AFTER: seeing the record itself again proves that it has not been trimmed, and the rest of its aggregate follows.
  return { ShardIteratorType: 'AT_SEQUENCE_NUMBER', StartingSequenceNumber: start.position.sequenceNumber };
}

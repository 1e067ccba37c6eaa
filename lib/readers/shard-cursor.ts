import { catchError, concatMap, defer, map, of, type MonoTypeOperatorFunction, type Observable } from 'rxjs';
import { firstThen } from '../internal/first-then.js';
import { checkedIterator, checkedPage } from '../kinesis/checked-answers.js';
import { classify } from '../kinesis/classify.js';
import { ShardReadError } from '../kinesis/errors.js';
import type { GetRecordsPage, GetShardIteratorRequest } from '../kinesis/port.js';
import { retryFaults } from '../kinesis/retry.js';
import { EndCheck } from './end-check.js';
import { FOREIGN, PageContinuity, REOPEN } from './page-continuity.js';
import { afterRefusal, foreignStart, GONE, NOTHING_LEFT } from './refused-start.js';
import { budgetKey, bytesOf, type ReadContext, type ReadStart, type ShardPage } from './reader.js';

/** Where a {@link ShardCursor} stands. */
export interface CursorPlace {
  readonly start: ReadStart;
  readonly iterator: string | undefined;
}

/**
 * Reads a shard with GetRecords: keeps the iterator and, when it has expired, opens a new one at the place where reading stands.
 *
 * @remarks {@link PageContinuity} knows where reading stands, and what was trimmed.
 */
export class ShardCursor {
  readonly #context: ReadContext;
  readonly #continuity: PageContinuity;
  readonly #endCheck: EndCheck;
  readonly #budgetKey: string;
  readonly #retrying: MonoTypeOperatorFunction<ShardPage>;
  #iterator: string | undefined;
  #isBehind = true;

  constructor(context: ReadContext, start: ReadStart) {
    this.#context = context;
    this.#continuity = new PageContinuity(context, start);
    this.#endCheck = new EndCheck(context, this.#continuity);
    this.#budgetKey = budgetKey(context);
    const { retry, notify } = context;
    this.#retrying = retryFaults(retry, (notice) => notify({ type: 'readRetry', ...this.#shard(), ...notice }));
  }

  /** Where reading stands, and the iterator that reads on from there, if one is open. */
  get place(): CursorPlace {
    return { start: this.#continuity.start, iterator: this.#iterator };
  }

  /** Continues at another start: with an iterator that belongs to it, or else the next read opens a new one. */
  seek(start: ReadStart, iterator?: string): void {
    this.#continuity.seek(start);
    this.#iterator = iterator;
  }

  /**
   * Whether more records can be read at once: the last page ended before the newest record, or was full. A full page counts whatever
   * lag it gives, since some emulators give 0 or none on every page.
   */
  get isBehind(): boolean {
    return this.#isBehind;
  }

  /** Reads one page of at most `limit` records, within the budget; retries faults that pass. */
  read(limit: number): Observable<ShardPage> {
    return defer(() => {
      if (this.#iterator !== undefined) return this.#getRecords(this.#iterator, limit);
      return firstThen(this.#open(), (iterator) => (iterator === GONE ? of(NOTHING_LEFT) : this.#getRecords(iterator, limit)));
    }).pipe(this.#retrying);
  }

  #getRecords(ShardIterator: string, Limit: number): Observable<ShardPage> {
    const { port, budget, scheduler, stream } = this.#context;
    const { StreamARN } = stream.id;
    const key = this.#budgetKey;
    const request = { ShardIterator, Limit, ...(StreamARN && { StreamARN }) };
    const take = (answer: GetRecordsPage): Observable<ShardPage> => {
      const page = checkedPage(answer, this.#shard());
      budget.spend(key, bytesOf(page.Records), scheduler);
      if (page.NextShardIterator !== undefined) return this.#accept(page, Limit, false);
      // Reading moves on only once it is known whether the shard has ended: after a fault before that, the page is read again.
      return this.#endCheck.hasEnded(page).pipe(concatMap((ended) => this.#accept(page, Limit, ended)));
    };
    const failed = (error: unknown): void => {
      if (classify(error) === 'iterator') this.#forgetIterator();
    };
    return firstThen(budget.acquire(key, scheduler), () => firstThen(port.getRecords(request), take, failed));
  }

  #accept(page: GetRecordsPage, limit: number, ended: boolean): Observable<ShardPage> {
    if (this.#continuity.goesBack(page)) {
      this.#forgetIterator();
      throw new ShardReadError('GetRecords gave records again that it had given', { ...this.#shard(), retriable: true });
    }
    const accepted = this.#continuity.accept(page, ended);
    if (accepted === FOREIGN) return foreignStart(this.#continuity, this.#context);
    const isReopened = accepted === REOPEN;
    const bytes = bytesOf(page.Records);
    const { MillisBehindLatest: millisBehindLatest } = page;
    const isFull = page.Records.length >= limit || bytes >= FULL_PAGE_BYTES;
    this.#iterator = isReopened ? undefined : page.NextShardIterator;
    this.#isBehind = isReopened || isFull || (millisBehindLatest ?? 0) > 0;
    return of({
      records: isReopened ? [] : accepted,
      bytes,
      millisBehindLatest,
      ended: ended && !isReopened,
      childShards: (!isReopened && page.ChildShards) || [],
    });
  }

  #forgetIterator(): void {
    this.#iterator = undefined;
    this.#continuity.expired();
  }

  /** Emits an iterator, or `GONE` when the shard is gone with all its records. */
  #open(): Observable<string | typeof GONE> {
    const { port, stream, shardId } = this.#context;
    const { start } = this.#continuity;
    const askedAt = start.type === 'AT_TIMESTAMP' ? start.timestamp : undefined;
    const request = { ...stream.id, ShardId: shardId, ...iteratorRequest(start) } as GetShardIteratorRequest;
    return port.getShardIterator(request).pipe(
      map((answer) => {
        this.#iterator = checkedIterator(answer, this.#shard());
        this.#continuity.opened();
        return this.#iterator;
      }),
      catchError((error: unknown) =>
        afterRefusal({ error, askedAt, continuity: this.#continuity, context: this.#context }).pipe(
          concatMap((next) => (next === GONE ? of(GONE) : this.#open())),
        ),
      ),
    );
  }

  #shard(): { streamName: string; shardId: string } {
    return { streamName: this.#context.stream.streamName, shardId: this.#context.shardId };
  }
}

/**
 * GetRecords gives at most 10 MiB a page, and a record has up to 10 MiB since 2025 (Quotas and limits, Kinesis Data Streams Developer
 * Guide): from half of that on, the next record may not have fitted. One read too many costs less than waiting for that record.
 */
const FULL_PAGE_BYTES = 5 * 1024 * 1024;

function iteratorRequest(start: ReadStart): object {
  if (start.type === 'TRIM_HORIZON') return { ShardIteratorType: 'TRIM_HORIZON' };
  if (start.type === 'AT_TIMESTAMP') return { ShardIteratorType: 'AT_TIMESTAMP', Timestamp: start.timestamp };
  // Also for AFTER: if the record itself comes again, it has not been trimmed, and it brings the rest of its aggregate.
  return { ShardIteratorType: 'AT_SEQUENCE_NUMBER', StartingSequenceNumber: start.position.sequenceNumber };
}

import { catchError, concatMap, defer, isObservable, map, Observable, of, type Observer, type Subscriber, type Unsubscribable } from 'rxjs';
import { retriesAfter, type RetryWithBackOffConfig } from '../internal/back-off.js';
import { firstThen } from '../internal/first-then.js';
import { subscribeWithin, type Handlers } from '../internal/subscribe-within.js';
import { checkedIterator, checkedPage } from '../kinesis/checked-answers.js';
import { classify } from '../kinesis/classify.js';
import { ShardReadError } from '../kinesis/errors.js';
import type { GetRecordsPage, GetShardIteratorRequest } from '../kinesis/port.js';
import { beginsNow } from '../kinesis/read-budget.js';
import { faultRetries } from '../kinesis/retry.js';
import { EndCheck } from './end-check.js';
import { endsNearTheHorizon, FOREIGN, PageContinuity, REOPEN } from './page-continuity.js';
import { afterRefusal, foreignStart, GONE, NOTHING_LEFT } from './refused-start.js';
import { budgetKey, bytesOf, type ReadContext, type ReadStart, type ShardPage } from './reader.js';

/** Where a {@link ShardCursor} stands. */
export interface CursorPlace {
  readonly start: ReadStart;
  readonly iterator: string | undefined;
}

/** What is done with the one page of a read. It completes without one where a budget gives no turn. */
export type PageObserver = Pick<Observer<ShardPage>, 'complete' | 'next'>;

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
  #iterator: string | undefined;
  #isBehind = true;

  constructor(context: ReadContext, start: ReadStart) {
    this.#context = context;
    this.#continuity = new PageContinuity(context, start);
    this.#endCheck = new EndCheck(context, this.#continuity);
    this.#budgetKey = budgetKey(context);
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
    return new Observable((subscriber) => this.readWithin(subscriber, subscriber, limit));
  }

  /** Gives `page` what {@link read} emits, for as long as `subscriber` is subscribed, which errors if the read does. */
  readWithin(subscriber: Subscriber<unknown>, page: PageObserver, limit: number): void {
    new Attempt(this, subscriber, page, { limit, isRetried: true }).begin();
  }

  /** Opens an iterator where there is none, waits for the budget, and makes the call; emits its answer, or `GONE`. */
  answer(limit: number): Observable<GetRecordsPage | typeof GONE> {
    const { port, budget, scheduler, stream } = this.#context;
    const ShardIterator = this.#iterator;
    if (ShardIterator === undefined) return firstThen(this.#open(), (opened) => (opened === GONE ? of(GONE) : this.answer(limit)));
    const { StreamARN } = stream.id;
    const call = () => port.getRecords({ ShardIterator, Limit: limit, ...(StreamARN && { StreamARN }) });
    return beginsNow(budget, this.#budgetKey, scheduler) ? call() : firstThen(budget.acquire(this.#budgetKey, scheduler), call);
  }

  /** Returns the page of an answer; or, where another call must be made first, an Observable of it. */
  take(answer: GetRecordsPage | typeof GONE, limit: number): ShardPage | Observable<ShardPage> {
    if (answer === GONE) return NOTHING_LEFT;
    const page = checkedPage(answer, this.#shard());
    const bytes = bytesOf(page.Records);
    const { budget, scheduler } = this.#context;
    budget.spend(this.#budgetKey, bytes, scheduler);
    const isFull = page.Records.length >= limit || bytes >= FULL_PAGE_BYTES;
    if (page.NextShardIterator !== undefined) return this.#accept(page, { bytes, isFull, ended: false });
    // Reading moves on only once it is known whether the shard has ended: after a fault before that, the page is read again.
    // The page itself stands for its opening: none is read behind it without another one.
    return this.#endCheck.hasEnded(page, page).pipe(
      map((ended) => this.#accept(page, { bytes, isFull, ended })),
      concatMap((accepted) => (isObservable(accepted) ? accepted : of(accepted))),
    );
  }

  #accept(page: GetRecordsPage, { bytes, isFull, ended }: PageFindings): ShardPage | Observable<never> {
    if (this.#continuity.goesBack(page)) {
      this.#forgetIterator();
      throw new ShardReadError('GetRecords gave records again that it had given', { ...this.#shard(), retriable: true });
    }
    const accepted = this.#continuity.accept(page, ended);
    if (accepted === FOREIGN) return foreignStart(this.#continuity, this.#context);
    const isReopened = accepted === REOPEN;
    const { MillisBehindLatest: millisBehindLatest } = page;
    this.#iterator = isReopened || endsNearTheHorizon(page, accepted) ? undefined : page.NextShardIterator;
    this.#isBehind = isReopened || isFull || (millisBehindLatest ?? 0) > 0;
    return {
      records: isReopened ? [] : accepted,
      bytes,
      millisBehindLatest,
      ended: ended && !isReopened,
      childShards: (!isReopened && page.ChildShards) || [],
    };
  }

  /** How reads are retried. Made when one fails: what each cursor keeps is there a thousand times. */
  retries(): RetryWithBackOffConfig {
    const { retry, notify } = this.#context;
    return faultRetries(retry, (notice) => notify({ type: 'readRetry', ...this.#shard(), ...notice }));
  }

  /** Notes that the call of a read has failed: its iterator may be no longer valid. */
  noteFault(fault: unknown): void {
    if (classify(fault) === 'iterator') this.#forgetIterator();
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

/** What is known of a page before it is accepted. */
interface PageFindings {
  readonly bytes: number;
  /** Whether more may have been there than the page could take. */
  readonly isFull: boolean;
  /** Whether the shard has ended with it. */
  readonly ended: boolean;
}

/** How an {@link Attempt} reads. */
interface AttemptOptions {
  readonly limit: number;
  /** Whether a fault that may pass is retried. */
  readonly isRetried: boolean;
}

/**
 * Tries to read one page: the one subscriber of a read, in place of an operator for each step, since each read of each shard makes it.
 *
 * @remarks
 * A class, and not an object of functions: while a thousand shards begin, what a read makes lives for long, and V8 then makes all later objects of the same
 * literal where it collects seldom, and keeps what they refer to. It does not do so with the objects of a class.
 */
class Attempt implements Handlers<GetRecordsPage | typeof GONE> {
  readonly #cursor: ShardCursor;
  readonly #subscriber: Subscriber<unknown>;
  readonly #page: PageObserver;
  readonly #limit: number;
  readonly #isRetried: boolean;

  constructor(cursor: ShardCursor, subscriber: Subscriber<unknown>, page: PageObserver, { limit, isRetried }: AttemptOptions) {
    this.#cursor = cursor;
    this.#subscriber = subscriber;
    this.#page = page;
    this.#limit = limit;
    this.#isRetried = isRetried;
  }

  begin(): void {
    const answer$ = defer(() => this.#cursor.answer(this.#limit));
    subscribeWithin(this.#subscriber, answer$, this);
  }

  next(answer: GetRecordsPage | typeof GONE, call: Unsubscribable): void {
    call.unsubscribe();
    const page = this.#cursor.take(answer, this.#limit);
    if (isObservable(page)) return this.#mirror(page, (fault) => this.#failed(fault));
    this.#page.next(page);
    if (!this.#subscriber.closed) this.#page.complete();
  }

  error(fault: unknown): void {
    this.#cursor.noteFault(fault);
    this.#failed(fault);
  }

  complete(): void {
    this.#page.complete();
  }

  #failed(fault: unknown): void {
    if (!this.#isRetried) return this.#subscriber.error(fault);
    const again$ = new Observable<ShardPage>((retry) =>
      new Attempt(this.#cursor, retry, retry, { limit: this.#limit, isRetried: false }).begin(),
    );
    this.#mirror(retriesAfter(fault, again$, this.#cursor.retries()));
  }

  #mirror(page$: Observable<ShardPage>, error = (fault: unknown): void => this.#subscriber.error(fault)): void {
    subscribeWithin(this.#subscriber, page$, {
      next: (page) => this.#page.next(page),
      complete: () => this.#page.complete(),
      error,
    });
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

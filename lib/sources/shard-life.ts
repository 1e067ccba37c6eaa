import {
  auditTime,
  catchError,
  concat,
  concatMap,
  defer,
  EMPTY,
  filter,
  finalize,
  from,
  ignoreElements,
  map,
  merge,
  of,
  startWith,
  take,
  takeUntil,
  tap,
  type Observable,
} from 'rxjs';
import type { ShardAccount } from '../checkpoints/shard-account.js';
import type { PortChildShard } from '../kinesis/port.js';
import { budgetKey, type ReadStart } from '../kinesis/reading.js';
import type { Outcome } from '../kinesis/shard-graph.js';
import type { Shard } from '../kinesis/shard.js';
import type { ShardReading } from './config.js';
import { makeShard, type SubscriptionEnd } from './makeShard.js';
import { releaseLease, type Opened } from './openShard.js';

/** What a shard's life depends on, and whom it tells. */
export interface LifeContext {
  readonly reading: ShardReading;
  readonly firstSeenMs: number;
  /** Emits, once, when shards are to complete; replays to those who come later. */
  readonly stop$: Observable<unknown>;
  /** Told what a shard became, as soon as its end is read. */
  readonly announce: (children: readonly PortChildShard[]) => void;
  /** Told when children may start. */
  readonly finish: (outcome: Outcome) => void;
}

/** How a life ends. */
type Verdict = 'ended' | 'stopped' | 'lost';

/** The life of a shard from being emitted to being released. */
export class ShardLife {
  readonly #account: ShardAccount;
  readonly #context: LifeContext;
  readonly #open$: Observable<Opened>;
  #opened: Opened | undefined;
  #isStopping = false;
  #isOver = false;
  /** How the last subscription ended; `undefined` while one lasts, `'none'` before the first. */
  #subscription: SubscriptionEnd | 'none' | undefined = 'none';

  constructor(account: ShardAccount, context: LifeContext, open$: Observable<Opened>) {
    this.#account = account;
    this.#context = context;
    this.#open$ = open$;
  }

  /** Emits the shard, and completes when its life is over. */
  run(opened: Opened | undefined): Observable<Shard> {
    this.#opened = opened;
    const { lease } = opened ?? {};
    const { reading, stop$ } = this.#context;
    const account = this.#account;
    const stopping$ = stop$.pipe(tap(() => (this.#isStopping = true)));
    const lost$ = from(lease?.lost$ ?? EMPTY).pipe(tap(() => account.lose()));

    const over$ = merge(account.changes$, stopping$, lost$).pipe(
      startWith(undefined),
      filter(() => account.isLost || account.ledger.hasEnded || this.#isStopping),
      // After what changed has taken its course: a completion may still flush blocks, and many changes come at once.
      auditTime(0, reading.scheduler),
      map(() => this.#verdict()),
      filter((verdict) => verdict !== undefined),
      take(1),
      concatMap((verdict) => this.#close(verdict)),
      ignoreElements(),
    );
    return concat(of(this.#shard()), over$).pipe(finalize(() => this.#abandon()));
  }

  #shard(): Shard {
    const { reading, stop$, announce } = this.#context;
    const account = this.#account;
    const start = this.#opened?.start;
    if (typeof start === 'object') {
      const { streamName, shardId, parentShardIds } = account.shard;
      const from = account.ledger.watermark ?? (start.type === 'AT_TIMESTAMP' ? start.timestamp.toISOString() : start.type);
      reading.notify({ type: 'shardStarted', streamName, shardId, parentShardIds, start: from });
    }
    return makeShard({
      reading,
      account,
      open: () => this.#open(),
      stop$,
      fencingToken: this.#opened?.lease?.fencingToken,
      ended: announce,
      subscribed: (end) => {
        this.#subscription = end;
        account.noteChange();
      },
    });
  }

  /** Where reading begins; opens the shard first if that failed before. */
  #open(): Observable<ReadStart> {
    const opened$ = this.#opened ? of(this.#opened) : this.#open$.pipe(tap((opened) => (this.#opened = opened)));
    return opened$.pipe(
      concatMap(({ start }) => {
        if (typeof start === 'object') return of(start);
        this.#account.ledger.end();
        return EMPTY;
      }),
    );
  }

  #verdict(): Verdict | undefined {
    const account = this.#account;
    const { ledger } = account;
    if (account.isLost) return 'lost';
    // No pipeline speaks for these records, no block holds them and no checkpoint will pass them: nobody is working on them.
    if (ledger.hasEnded && !ledger.isTracked && !account.isSupervised && !account.store) ledger.closeClaims();
    if (account.isFinished) return 'ended';
    return this.#isStopping && this.#isIdle() ? 'stopped' : undefined;
  }

  /** Whether nothing more will settle: all is settled, the pipeline says that it is over, or it was torn down. */
  #isIdle(): boolean {
    const account = this.#account;
    if (this.#subscription === undefined || account.resumes || account.isSupervised) return false;
    return this.#subscription !== 'complete' || account.isDrained || account.ledger.isSettled || !account.ledger.isTracked;
  }

  /** Writes what is left to write, gives the lease up, and tells of it. */
  #close(verdict: Verdict): Observable<never> {
    const { reading, finish } = this.#context;
    const account = this.#account;
    const { streamName, shardId } = account.shard;
    const conclude$ = defer(() => {
      this.#isOver = true;
      const reason = account.isLost ? 'lost' : verdict;
      account.close();
      reading.budget.forget(budgetKey({ stream: reading.stream, shardId }));
      reading.notify({ type: 'shardReleased', streamName, shardId, reason });
      if (reason === 'ended') finish('read');
      return EMPTY;
    });
    return concat(this.#lastWrites(verdict), this.#release(), conclude$).pipe(ignoreElements());
  }

  /** The end of a shard has to be written before its children start, however long that takes; after `stop`, nothing has to. */
  #lastWrites(verdict: Verdict): Observable<unknown> {
    const account = this.#account;
    const { scheduler, random } = this.#context.reading;
    const writes = (maxRetries: number): Observable<unknown> => {
      const flushes = account.stores.map((store) => account.flushRetrying(store, { maxRetries, retryDelayMs: 1_000, scheduler, random }));
      return merge(...flushes).pipe(catchError(() => EMPTY));
    };
    const untilStopped$ = verdict === 'ended' ? writes(Infinity).pipe(takeUntil(this.#context.stop$)) : EMPTY;
    return concat(untilStopped$, writes(3));
  }

  #release(): Observable<never> {
    const { shard, store } = this.#account;
    return defer(() => (this.#opened?.lease && !this.#account.isLost ? releaseLease(shard, store) : EMPTY));
  }

  /** The stream was unsubscribed: what is settled is still written, and the lease is given up, but nobody waits for it. */
  #abandon(): void {
    if (this.#isOver || !this.#opened?.lease || this.#account.isLost) return;
    const write$ = this.#account.flush().pipe(catchError(() => EMPTY));
    concat(write$, this.#release()).subscribe();
  }
}

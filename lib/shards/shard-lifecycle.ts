import {
  auditTime,
  catchError,
  concat,
  concatMap,
  defer,
  EMPTY,
  filter,
  finalize,
  ignoreElements,
  merge,
  NEVER,
  of,
  startWith,
  switchMap,
  take,
  takeUntil,
  tap,
  type Observable,
} from 'rxjs';
import { TrackedShard } from '../tracking/tracked-shard.js';
import { delayOf } from '../internal/delay.js';
import { budgetKey, type ReadStart } from '../readers/reader.js';
import type { ReadyShard } from './shard-graph.js';
import type { Shard } from './shard.js';
import { UNCLAIMED_WAIT_MS } from '../tracking/creditOf.js';
import { lastWrites } from './lastWrites.js';
import type { LifeContext } from './life-context.js';
import { makeShard } from './make-shard.js';
import { openShard, startToString, type Opened } from './open-shard.js';
import { rereadWith } from '../readers/reread.js';
import { ShardLease } from './shard-lease.js';
import { mayBeOver, outcomeOf, verdictOn, waitsForUnclaimed, type LifeState, type Verdict } from './shard-phase.js';
import type { ShardIdentity } from '../values/shard-id.js';

/**
 * The life of one shard: taken, emitted and read, drained, then ended, stopped or lost, and released. One life a subscription.
 */
export class ShardLifecycle {
  readonly #account: TrackedShard;
  readonly #lease: ShardLease;
  readonly #context: LifeContext;
  readonly #open$: Observable<Opened>;
  #opened: Opened | undefined;
  #isStopping = false;
  #isOver = false;
  #subscription: LifeState['subscription'] = 'none';

  constructor(ready: ReadyShard, context: LifeContext) {
    const { reading, firstSeenMs } = context;
    const { stream, store, notify } = reading;
    const { shardId, parentShardIds, hashKeyRange } = ready.shard;
    const shard: ShardIdentity = { streamName: stream.streamName, shardId, parentShardIds, hashKeyRange };
    this.#context = context;
    this.#account = new TrackedShard({ identity: shard, store, notify, reread: rereadWith(reading, stream, shardId) });
    this.#lease = new ShardLease(this.#account);
    this.#open$ = openShard(shard, this.#lease, ready, reading, firstSeenMs).pipe(tap((opened) => this.#noteOpened(opened)));
  }

  /** Emits the shard, unless there is nothing to read, and completes when its life is over. */
  run(): Observable<Shard> {
    const begun$ = this.#open$.pipe(
      // A shard that cannot be opened fails by itself, when it is subscribed: whoever supervises it may try again.
      catchError((): [undefined] => [undefined]),
      // Only the opening is cut short: what has begun ends by itself, when its work is drained.
      // eslint-disable-next-line rxjs-x/no-unsafe-takeuntil
      takeUntil(this.#context.stop$),
      concatMap(() => (verdictOn(this.#state) ? EMPTY : concat(of(this.#shard()), this.#untilOver()))),
    );
    const close$ = defer(() => this.#close(verdictOn(this.#state) ?? 'stopped'));
    return concat(begun$, close$).pipe(finalize(() => this.#abandon()));
  }

  get #state(): LifeState {
    return { account: this.#account, opened: this.#opened, isStopping: this.#isStopping, subscription: this.#subscription };
  }

  #noteOpened(opened: Opened): void {
    const { checkpoint, start } = opened;
    const { identity: shard, notify } = this.#account;
    const { streamName, shardId, parentShardIds } = shard;
    this.#opened = opened;
    if (checkpoint) this.#account.restore(checkpoint);
    if (typeof start !== 'object') return;
    notify({ type: 'shardStarted', streamName, shardId, parentShardIds, start: checkpoint ?? startToString(start) });
  }

  #shard(): Shard {
    const { reading, stop$, announce } = this.#context;
    return makeShard({
      reading,
      account: this.#account,
      open: () => this.#open(),
      stop$,
      ...(this.#lease.isNeeded && { fencingToken: () => this.#lease.fencingToken }),
      ended: announce,
      subscribed: (end) => {
        this.#subscription = end;
        this.#account.noteChange();
      },
    });
  }

  /** Where reading begins; opens the shard first if that failed before. */
  #open(): Observable<ReadStart> {
    const opened$ = this.#opened ? of(this.#opened) : this.#open$;
    return opened$.pipe(concatMap(({ start }) => (typeof start === 'object' ? of(start) : EMPTY)));
  }

  /** Completes when the life of the shard that was emitted is over. */
  #untilOver(): Observable<never> {
    const { reading, stop$ } = this.#context;
    const stopping$ = stop$.pipe(
      tap(() => {
        this.#isStopping = true;
        this.#account.stop();
      }),
    );
    return merge(this.#account.changes$, stopping$).pipe(
      startWith(undefined),
      filter(() => mayBeOver(this.#state)),
      // After what changed has taken its course: a completion may still flush blocks, and many changes come at once.
      auditTime(0, reading.scheduler),
      switchMap(() => {
        if (verdictOn(this.#state)) return of(0);
        return waitsForUnclaimed(this.#state) ? delayOf(UNCLAIMED_WAIT_MS, reading.scheduler) : NEVER;
      }),
      take(1),
      ignoreElements(),
    );
  }

  /** Writes what is left to write, gives the lease up, and tells of it. */
  #close(verdict: Verdict): Observable<never> {
    const { reading, stop$ } = this.#context;
    const isWorkOver = verdict === 'ended' || verdict === 'stopped';
    const lastWrites$ = isWorkOver ? lastWrites(this.#account, reading, stop$) : EMPTY;
    const release$ = defer(() => this.#lease.release());
    const conclude$ = defer(() => this.#conclude(this.#account.isLost ? 'lost' : this.#isWritten ? verdict : 'stopped'));
    return concat(lastWrites$, release$, conclude$).pipe(ignoreElements());
  }

  /** Whether the stores hold what they are to hold: after `stop`, a store that refuses is not waited for. */
  get #isWritten(): boolean {
    const { checkpointer } = this.#account;
    return !checkpointer.stores.some((store) => checkpointer.isDue(store));
  }

  #conclude(verdict: Verdict): Observable<never> {
    const { reading, finish } = this.#context;
    const { streamName, shardId } = this.#account.identity;
    this.#isOver = true;
    this.#account.close();
    reading.budget.forget(budgetKey({ stream: reading.stream, shardId }));
    const wasBegun = this.#opened && verdict !== 'done' && verdict !== 'skipped';
    if (wasBegun) reading.notify({ type: 'shardReleased', streamName, shardId, reason: verdict });
    const outcome = outcomeOf(verdict, this.#opened);
    if (outcome) finish(outcome);
    return EMPTY;
  }

  /**
   * The stream was unsubscribed: what is settled is still written, and the lease is given up, but nobody waits for it. A shard
   * that is subscribed all the same, because its stream was only `take(1)`, ends before its lease does.
   */
  #abandon(): void {
    if (this.#isOver || !this.#lease.isHeld) return;
    const write$ = this.#account.checkpointer.write().pipe(catchError(() => EMPTY));
    const giveUp = (): Observable<never> => {
      const release$ = this.#lease.release();
      this.#account.lose();
      return release$;
    };
    // Not within the teardown.
    concat(delayOf(0, this.#context.reading.scheduler), write$, defer(giveUp)).subscribe();
  }
}

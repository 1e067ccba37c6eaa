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
  map,
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
import { requestFault } from '../internal/aws-errors.js';
import { delayOf } from '../internal/delay.js';
import type { PortChildShard } from '../kinesis/port.js';
import { budgetKey, type ReadStart } from '../readers/reader.js';
import { rereadWith } from '../readers/reread.js';
import { UNCLAIMED_WAIT_MS } from '../tracking/creditOf.js';
import { TrackedShard } from '../tracking/tracked-shard.js';
import type { ShardIdentity } from '../values/shard-id.js';
import type { ResolvedShardConfig } from './config.js';
import type { OpenWork } from './errors.js';
import { makeShard } from './make-shard.js';
import { openShard, readStored, startToString, type Opened, type OpenShardOptions } from './open-shard.js';
import type { Shard } from './shard.js';
import type { Outcome } from './shard-graph.js';
import type { ShardLease } from './shard-lease.js';
import {
  isReleaseReason,
  outcomeOf,
  phaseOf,
  waitsForUnclaimed,
  type ReleaseReason,
  type ShardFacts,
  type SubscriptionState,
} from './shard-phase.js';

/** What the life of a shard depends on, and its callbacks. */
export interface ShardLifecycleOptions {
  readonly identity: ShardIdentity;
  readonly config: ResolvedShardConfig;
  /** What the shard's place among the others says about where to begin. */
  readonly ready: OpenShardOptions['ready'];
  /** Whether no listing will say which shard this is. @defaultValue false */
  readonly isUnlisted?: boolean;
  /** What `'LATEST'` means, in ms. @defaultValue the time at which the shard is first opened */
  readonly firstSeenMs?: number;
  /** The lease under which the shard is read, where there are leases. */
  readonly lease?: ShardLease;
  /** Emits, once, when the shard is to complete; replays to late subscribers. */
  readonly stop$: Observable<unknown>;
  /** Called when the shard's end is read, with what it became. */
  readonly announce?: (children: readonly PortChildShard[]) => void;
  /** Called when the shard is released; with an outcome its children may start, but not if it is `'left'` for good by its pipeline. */
  readonly released?: (reason: ReleaseReason, outcome: Outcome | 'left' | undefined) => void;
  /** Whether the children wait for SHARD_END, so that it is written however long that takes. */
  readonly insistsOnEnd: boolean;
  /** Called when a subscription to the shard begins or ends. */
  readonly subscribed?: (state: SubscriptionState) => void;
}

/**
 * The life of one shard in this process, and its only owner.
 *
 * ```text
 * waiting ──> opening ──> reading ──> draining ──> released: ended | stopped | lost
 *    ^           |           |                        ^
 *    └── failed ─┘           └── lost ────────────────┘
 * ```
 *
 * - *waiting*: nobody has opened it yet, or opening failed and the next subscription tries again.
 * - *opening*: the store is asked where the shard stands.
 * - *reading*: its records are read, or the next subscription will read them.
 * - *draining*: its end is read, or `stop` has fired; what was delivered is still being worked on.
 * - *released*: the last checkpoints are written, the lease is given up, its children may start.
 *
 * `phaseOf` decides, after every change, from the facts that are collected here: see its truth table.
 */
export class ShardLifecycle {
  /** The shard to hand to the user. */
  readonly shard: Shard;
  readonly #options: ShardLifecycleOptions;
  readonly #tracked: TrackedShard;
  #firstSeenMs: number | undefined;
  #opened: Opened | undefined;
  #isOpening = false;
  #isReleased = false;
  #subscription: SubscriptionState = 'none';

  constructor(options: ShardLifecycleOptions) {
    const { identity, config, lease, firstSeenMs } = options;
    const { store, notify, stream, requestTimeoutMs, scheduler } = config;
    this.#options = options;
    this.#firstSeenMs = firstSeenMs;
    this.#tracked = new TrackedShard({
      ...{ identity, store, notify, requestTimeoutMs, scheduler, reasonOf: requestFault },
      reread: rereadWith(config, stream, identity.shardId),
      readStored: (from = store) => readStored(identity, { ...config, store: from }),
    });
    this.shard = makeShard({
      config,
      tracked: this.#tracked,
      open: () => this.#openToRead(),
      fencingToken: lease?.fencingToken,
      ended: (children) => options.announce?.(children),
      subscribed: (state) => this.#noteSubscription(state),
    });
    lease?.watch(() => this.#tracked.lose());
  }

  /**
   * Opens the shard, emits it unless there is nothing to read, and completes when it is released. Unsubscribed before, it gives up
   * its lease.
   */
  run(): Observable<Shard> {
    // A shard that cannot be opened fails by itself, when it is subscribed: whoever supervises it may try again.
    const stopping$ = this.#options.stop$.pipe(tap(() => this.#tracked.stop()));
    const opened$ = this.#open().pipe(
      catchError(() => EMPTY),
      ignoreElements(),
      // Only the opening is cut short: what has begun ends by itself, when its work is drained.

      takeUntil(stopping$),
    );
    const shard$ = defer(() => (isReleaseReason(phaseOf(this.#facts)) ? EMPTY : of(this.shard)));
    return concat(opened$, shard$, this.untilReleased()).pipe(finalize(() => this.#abandon()));
  }

  /** Completes when the shard is released; emits nothing. */
  untilReleased(): Observable<never> {
    return this.#releaseReason().pipe(concatMap((reason) => this.#release(reason)));
  }

  get identity(): ShardIdentity {
    return this.#tracked.identity;
  }

  /** The listing says where the shard begins. */
  identify(startingSequenceNumber: string | undefined): void {
    this.#tracked.identify({ startingSequenceNumber });
  }

  /** What of the shard is not done. */
  get openWork(): OpenWork {
    const { ledger, identity } = this.#tracked;
    return {
      shardId: identity.shardId,
      blocks: ledger.openEntries().length,
      records: ledger.outstandingRecords,
      isDue: !this.#isWritten,
    };
  }

  /** Whether somebody says when the work is done: a supervised pipeline, or who settles the blocks. */
  get isAccounted(): boolean {
    return this.#tracked.isSupervised || this.#tracked.ledger.hasSettled;
  }

  /** The payload bytes that are delivered and not settled. */
  get openBytes(): number {
    return this.#tracked.ledger.outstandingBytes;
  }

  /** Whether the shard was released. */
  get isReleased(): boolean {
    return this.#isReleased;
  }

  get #facts(): ShardFacts {
    const { ledger, hasOpenBlocks, isLost, resumes, isSupervised, isDrained, isCutShort, isSettled, checkpointer } = this.#tracked;
    const { hasEnded, isTracked } = ledger;
    return {
      ...{ isLost, resumes, isSupervised, isDrained, isCutShort, hasEnded, isSettled, isTracked, hasOpenEntries: hasOpenBlocks },
      isStopping: this.#tracked.isStopping,
      isOpening: this.#isOpening,
      start: this.#opened?.start,
      subscription: this.#subscription,
      hasStore: checkpointer.store !== undefined,
    };
  }

  #noteSubscription(state: SubscriptionState): void {
    this.#subscription = state;
    this.#options.subscribed?.(state);
    this.#tracked.noteChange();
  }

  /** Asks the store where the shard stands, unless that is known. */
  #open(): Observable<Opened> {
    return defer(() => {
      if (this.#opened) return of(this.#opened);
      const { config, ready, isUnlisted } = this.#options;
      const { identity } = this.#tracked;
      // What `'LATEST'` means stays, even if the checkpoint cannot be read at the first try.
      this.#firstSeenMs ??= config.scheduler.now();
      this.#isOpening = true;
      return openShard({ identity, config, ready, isUnlisted, firstSeenMs: this.#firstSeenMs }).pipe(
        tap((opened) => this.#noteOpened(opened)),
        finalize(() => (this.#isOpening = false)),
      );
    });
  }

  #noteOpened(opened: Opened): void {
    const { checkpoint, start, shardStart } = opened;
    this.#tracked.identify({ startingSequenceNumber: shardStart });
    const { identity, notify } = this.#tracked;
    const { streamName, shardId, parentShardIds } = identity;
    this.#opened = opened;
    if (checkpoint) this.#tracked.restore(checkpoint);
    this.#tracked.noteOpened();
    if (typeof start === 'object')
      notify({ type: 'shardStarted', streamName, shardId, parentShardIds, start: checkpoint ?? startToString(start) });
  }

  /** Where reading begins; opens the shard first if nobody has, or that failed before. */
  #openToRead(): Observable<ReadStart> {
    return this.#open().pipe(concatMap(({ start }) => (typeof start === 'object' && !this.#isReleased ? of(start) : EMPTY)));
  }

  /** Emits once, when and why the shard is to be released. */
  #releaseReason(): Observable<ReleaseReason> {
    const { config, stop$ } = this.#options;
    const stopping$ = stop$.pipe(tap(() => this.#tracked.stop()));
    return merge(this.#tracked.changes$, stopping$).pipe(
      startWith(undefined),
      map(() => phaseOf(this.#facts)),
      filter((phase) => phase === 'draining' || isReleaseReason(phase)),
      // After what changed has taken its course: a completion may still flush blocks, and many changes come at once.
      auditTime(0, config.scheduler),
      switchMap((): Observable<ReleaseReason> => {
        const phase = phaseOf(this.#facts);
        if (isReleaseReason(phase)) return of(phase);
        if (!waitsForUnclaimed(this.#facts)) return NEVER;
        return delayOf(UNCLAIMED_WAIT_MS, config.scheduler).pipe(map(() => 'stopped' as const));
      }),
      take(1),
    );
  }

  /** Writes what is left to write, gives the lease up, and tells of it. */
  #release(reason: ReleaseReason): Observable<never> {
    const { lease, identity, config } = this.#options;
    const isBegun = typeof this.#opened?.start === 'object';
    const lastWrites$ = isBegun && reason !== 'lost' ? this.#lastWrites() : EMPTY;
    const release$ = defer(() => {
      if (this.#tracked.isLost) lease?.noteLost();
      return lease?.release(identity, config) ?? EMPTY;
    });
    const conclude$ = defer(() => this.#conclude(this.#tracked.isLost ? 'lost' : this.#isWritten ? reason : 'stopped'));
    return concat(lastWrites$, release$, conclude$).pipe(ignoreElements());
  }

  /**
   * Writes what is left to write of the shard, to every store that it is written to; never errors.
   *
   * The end of a shard has to be written before its children start, however long that takes and whatever the store says: each
   * failure is told as an event. After `stop`, and where no children wait, nothing has to.
   */
  #lastWrites(): Observable<unknown> {
    const { config, stop$, insistsOnEnd } = this.#options;
    const { scheduler, random } = config;
    const { checkpointer } = this.#tracked;
    const writes = (maxRetries: number): Observable<unknown> => {
      const retry = { retriesEverything: true, maxRetries, retryDelayMs: 1_000, scheduler, random };
      return merge(...checkpointer.stores.map((store) => checkpointer.write(store, retry).pipe(catchError(() => EMPTY))));
    };
    const insisting$ = insistsOnEnd ? writes(Infinity).pipe(takeUntil(stop$)) : EMPTY;
    return concat(insisting$, writes(MAX_LAST_RETRIES));
  }

  /** Whether the stores hold what they are to hold: after `stop`, a store that refuses is not waited for. */
  get #isWritten(): boolean {
    const { checkpointer } = this.#tracked;
    return !checkpointer.stores.some((store) => checkpointer.isDue(store));
  }

  #conclude(reason: ReleaseReason): Observable<never> {
    const { config, identity, released } = this.#options;
    const { streamName, shardId } = identity;
    this.#isReleased = true;
    this.#tracked.close();
    config.budget.forget(budgetKey({ stream: config.stream, shardId }));
    if (typeof this.#opened?.start === 'object') config.notify({ type: 'shardReleased', streamName, shardId, reason });
    released?.(reason, outcomeOf(reason, this.#opened) ?? (reason === 'stopped' && this.#tracked.isCutShort ? 'left' : undefined));
    return EMPTY;
  }

  /**
   * Nobody waits any more: what is settled is still written, and the lease is given up. A shard that is subscribed all the same,
   * because its stream was only `take(1)`, ends before its lease does.
   */
  #abandon(): void {
    const { lease, identity, config } = this.#options;
    if (this.#isReleased || !lease || lease.isLost) return;
    const write$ = this.#tracked.checkpointer.write().pipe(catchError(() => EMPTY));
    const giveUp = (): Observable<never> => {
      const release$ = lease.release(identity, config);
      this.#tracked.lose();
      return release$;
    };
    // Not within the teardown.
    concat(delayOf(0, config.scheduler), write$, defer(giveUp)).subscribe();
  }
}

/** After `stop`, and where no children wait. */
const MAX_LAST_RETRIES = 3;

import {
  catchError,
  concat,
  concatMap,
  defer,
  EMPTY,
  finalize,
  ignoreElements,
  merge,
  NEVER,
  of,
  takeUntil,
  tap,
  type Observable,
} from 'rxjs';
import { requestFault } from '../internal/aws-errors.js';
import { delayOf } from '../internal/delay.js';
import { firstThen } from '../internal/first-then.js';
import { followedBy } from '../internal/followed-by.js';
import type { PortChildShard } from '../kinesis/port.js';
import { budgetKey, type ReadStart } from '../readers/reader.js';
import { rereadWith } from '../readers/reread.js';
import { TrackedShard } from '../tracking/tracked-shard.js';
import type { ShardIdentity } from '../values/shard-id.js';
import type { ResolvedShardConfig } from './config.js';
import type { OpenWork } from './errors.js';
import { LatestMoment } from './latest-moment.js';
import { makeShard } from './make-shard.js';
import { openShard, readStored, startToString, type Opened, type OpenShardOptions } from './open-shard.js';
import type { Shard } from './shard.js';
import { releaseReason } from './release-reason.js';
import type { Outcome } from './shard-graph.js';
import type { ShardLease } from './shard-lease.js';
import {
  isReleaseReason,
  outcomeOf,
  phaseOf,
  releasedAs,
  type ReleaseReason,
  type ShardFacts,
  type SubscriptionState,
} from './shard-phase.js';
import { ShardRate } from './shard-rate.js';

/** What the life of a shard depends on, and the callbacks that it calls. */
export interface ShardLifecycleOptions {
  readonly identity: ShardIdentity;
  readonly config: ResolvedShardConfig;
  /** What the shard graph says about where to begin. */
  readonly ready: OpenShardOptions['ready'];
  /** Whether no listing will say where the shard begins. @defaultValue false */
  readonly isUnlisted?: boolean;
  /** The time that `'LATEST'` means. @defaultValue the time at which the shard is first opened */
  readonly latest?: LatestMoment;
  /** The lease under which the shard is read, where there are leases. */
  readonly lease?: ShardLease;
  /** Called when the shard's end is read, with its children. */
  readonly announce?: (children: readonly PortChildShard[]) => void;
  /** Called when the shard is released. With an outcome its children may start, except with `'left'`: its pipeline left it for good. */
  readonly released?: (reason: ReleaseReason, outcome: Outcome | 'left' | undefined) => void;
  /** Whether children wait for SHARD_END, so that it must be written, however long that takes. */
  readonly insistsOnEnd: boolean;
  /** Called when a subscription to the shard begins or ends. */
  readonly subscribed?: (state: SubscriptionState) => void;
}

/**
 * The life of one shard in this process, and its only owner.
 *
 * ```text
 * waiting ──> opening ──> reading <──> draining ──> released: ended | stopped | lost
 *    ^  |        |  |         |                          ^
 *    └──┼─failed─┘  └─────────┴── lost, nothing to read ─┤
 *       └─────────────────── stop, lost ─────────────────┘
 * ```
 *
 * - *waiting*: nobody has opened it yet, or opening failed and the next subscription tries again.
 * - *opening*: the shard's checkpoint is read from the store.
 * - *reading*: its records are read, or the next subscription will read them.
 * - *draining*: its end is read, or `stop` has emitted, or its pipeline completed early; the delivered records are still being worked on. Whoever
 *   subscribes again has it read again.
 * - *released*: the last checkpoints are written, the lease is given up, its children may start.
 *
 * After every change `phaseOf` decides the phase from the facts that this class collects: see its truth table.
 */
export class ShardLifecycle {
  /** The shard to hand to the user. */
  readonly shard: Shard;
  readonly #options: ShardLifecycleOptions;
  readonly #tracked: TrackedShard;
  #latest: LatestMoment | undefined;
  #opened: Opened | undefined;
  #isOpening = false;
  #isReleased = false;
  /** Whether the store held the last checkpoint when the lease was given up, from then on. */
  #wasWritten: boolean | undefined;
  #subscription: SubscriptionState = 'none';

  constructor(options: ShardLifecycleOptions) {
    const { identity, config, lease, latest } = options;
    const { store, stop$, stream, notify, requestTimeoutMs, scheduler, rates } = config;
    const rate = rates && new ShardRate(identity, { ...config, ...rates });
    this.#options = options;
    this.#latest = latest;
    this.#tracked = new TrackedShard({
      identity,
      store,
      // When another worker asks for a shard, it is drained, checkpointed and released, as after `stop`.
      stop$: lease ? merge(stop$, lease.asked$) : stop$,
      requestTimeoutMs,
      scheduler,
      reasonOf: requestFault,
      notify: rate?.hearing(notify) ?? notify,
      tenure: lease?.tenure,
      reread: rereadWith(config, stream, identity.shardId),
      readStored: () => readStored(identity, config),
    });
    this.shard = makeShard({
      config,
      tracked: this.#tracked,
      rate,
      open: () => this.#openToRead(),
      fencingToken: lease?.fencingToken,
      noteRead: (bytes) => lease?.noteRead(bytes),
      ended: (children) => options.announce?.(children),
      subscribed: (state) => this.#noteSubscription(state),
    });
  }

  /**
   * Opens the shard, emits it unless there is nothing to read, and completes when it is released. Unsubscribing before that gives up the
   * lease.
   */
  run(): Observable<Shard> {
    // A shard that cannot be opened errors by itself when it is subscribed, so that its supervisor may retry.
    const opened$ = this.#open().pipe(
      catchError(() => EMPTY),
      ignoreElements(),
      // `stop` only cuts the opening short: a shard that is being read ends by itself, when its work is drained.
      takeUntil(this.#tracked.stopping$),
    );
    const shard$ = defer(() => (isReleaseReason(phaseOf(this.#facts)) ? EMPTY : of(this.shard)));
    return followedBy(concat(opened$, shard$), this.untilReleased()).pipe(finalize(() => this.#abandon()));
  }

  /** Completes when the shard is released; emits nothing. */
  untilReleased(): Observable<never> {
    const { scheduler } = this.#options.config;
    const reason$ = releaseReason({ tracked: this.#tracked, scheduler, facts: () => this.#facts });
    return firstThen(reason$, (reason) => this.#release(reason));
  }

  get identity(): ShardIdentity {
    return this.#tracked.identity;
  }

  /** Takes the sequence number at which the shard begins, as listed. */
  identify(startingSequenceNumber: string | undefined): void {
    this.#tracked.identify({ startingSequenceNumber });
  }

  /** The work of the shard that is not done. */
  get openWork(): OpenWork {
    const { ledger, identity, unreleased } = this.#tracked;
    return {
      shardId: identity.shardId,
      blocks: ledger.openEntries().length,
      records: ledger.outstandingRecords,
      unreleased: unreleased.inWork.length + unreleased.leftOver.length,
      isDue: !this.#isWritten,
    };
  }

  /** Whether it will be known when the work is done: from a supervised pipeline, or because blocks are settled. */
  get isAccounted(): boolean {
    return this.#tracked.pipeline.isSupervised || this.#tracked.ledger.hasSettled;
  }

  /** The payload bytes that are delivered and not settled. */
  get openBytes(): number {
    return this.#tracked.ledger.outstandingBytes;
  }

  /** Has the operators wait no longer for deletes of stored blocks. */
  endCleanUp(): void {
    this.#tracked.unreleased.isCleanUpOver = true;
    this.#tracked.noteChange();
  }

  /** Whether the shard was released. */
  get isReleased(): boolean {
    return this.#isReleased;
  }

  get #facts(): ShardFacts {
    const { ledger, pipeline, hasOpenBlocks, isLost, resumes, isSettled, isStopping, checkpointer } = this.#tracked;
    const { isSupervised, isDrained, isCutShort, hasWorkBehind } = pipeline;
    const { hasEnded, isTracked } = ledger;
    return {
      isLost,
      resumes,
      isSupervised,
      isDrained,
      isCutShort,
      isStopping,
      hasEnded,
      isSettled,
      isTracked,
      hasWorkBehind,
      hasOpenEntries: hasOpenBlocks,
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

  /** Opens the shard, unless it is open. */
  #open(): Observable<Opened> {
    return defer(() => {
      if (this.#opened) return of(this.#opened);
      const { config, ready, isUnlisted } = this.#options;
      const { identity } = this.#tracked;
      // The time of `'LATEST'` stays the same, even if the checkpoint cannot be read at the first try.
      this.#latest ??= new LatestMoment(config.scheduler.now());
      this.#isOpening = true;
      return openShard({ identity, config, ready, isUnlisted, latest: this.#latest }).pipe(
        tap((opened) => this.#noteOpened(opened)),
        finalize(() => (this.#isOpening = false)),
      );
    });
  }

  #noteOpened(opened: Opened): void {
    const { checkpoint, start, shardStart } = opened;
    this.#tracked.identify({ startingSequenceNumber: shardStart });
    if (checkpoint) this.#tracked.restore(checkpoint);
    this.#opened = opened;
    this.#tracked.noteOpened();
    const { parentShardIds } = this.#tracked.identity;
    if (typeof start === 'object') this.#tracked.tell({ type: 'shardStarted', parentShardIds, start: checkpoint ?? startToString(start) });
  }

  /** Emits where reading begins, if there is something to read; opens the shard first if it is not open. */
  #openToRead(): Observable<ReadStart> {
    const isOver = (): boolean => this.#isReleased || this.#tracked.hasNothingLeft;
    return this.#open().pipe(concatMap(({ start }) => (typeof start === 'object' && !isOver() ? of(start) : EMPTY)));
  }

  /** Writes the last checkpoints, releases the lease, and reports the release. */
  #release(reason: ReleaseReason): Observable<never> {
    const { lease, identity, config } = this.#options;
    // A write that waits for its next try must not keep the shard from this worker, if it has the lease again.
    const lost$ = lease?.tenure.lost$ ?? NEVER;
    const lastWrites$ = this.#isBegun && reason !== 'lost' ? this.#lastWrites().pipe(takeUntil(lost$)) : EMPTY;
    const release$ = defer(() => {
      // Without the lease there is nothing to write.
      this.#wasWritten = this.#isWritten;
      return lease?.release(identity, config) ?? EMPTY;
    });
    const conclude$ = defer(() => this.#conclude(releasedAs(reason, { isLost: this.#tracked.isLost, isWritten: this.#isWritten })));
    return concat(lastWrites$, release$, conclude$).pipe(ignoreElements());
  }

  /**
   * Writes the last checkpoint of the shard; never errors.
   *
   * SHARD_END must be written before the children start, so it is retried without limit and after any error; each failure is an event.
   * After `stop`, and where no children wait, there is a limit.
   */
  #lastWrites(): Observable<unknown> {
    const { config, insistsOnEnd } = this.#options;
    const { scheduler, random } = config;
    const write = (maxRetries: number): Observable<unknown> => {
      const retry = { retriesEverything: true, maxRetries, retryDelayMs: 1_000, scheduler, random };
      return this.#tracked.checkpointer.write(retry).pipe(catchError(() => EMPTY));
    };
    const insisting$ = insistsOnEnd ? write(Infinity).pipe(takeUntil(this.#tracked.stopping$)) : EMPTY;
    return concat(insisting$, write(MAX_LAST_RETRIES));
  }

  /** Whether the store holds the last checkpoint; after `stop` the shard does not wait for a store that refuses. */
  get #isWritten(): boolean {
    return this.#wasWritten ?? !this.#tracked.checkpointer.isDue();
  }

  #conclude(reason: ReleaseReason): Observable<never> {
    const { config, identity, released } = this.#options;
    const { shardId } = identity;
    this.#isReleased = true;
    this.#tracked.close();
    config.budget.forget(budgetKey({ stream: config.stream, shardId }));
    this.#reportReleased(reason);
    released?.(reason, outcomeOf(reason, { ...this.#opened, isCutShort: this.#tracked.pipeline.isCutShort }));
    return EMPTY;
  }

  /**
   * After the stream was unsubscribed, writes what is settled and releases the lease. A shard that is still subscribed, for example after
   * `take(1)` of the stream, ends before its lease does.
   */
  #abandon(): void {
    const { lease, identity, config } = this.#options;
    if (this.#isReleased) return;
    const write$ = this.#tracked.checkpointer.write().pipe(catchError(() => EMPTY));
    const giveUp = (): Observable<never> => {
      const release$ = lease?.release(identity, config, this.#subscription === 'active' || this.#tracked.pipeline.isSupervised) ?? EMPTY;
      // Who subscribes to the shard later reads nothing.
      this.#tracked.stop();
      return release$;
    };
    // Unless somebody still reads it.
    const report$ = defer(() => {
      if (this.#subscription !== 'active') this.#reportReleased('stopped');
      return EMPTY;
    });
    // Not within the teardown: nothing may be emitted there.
    concat(delayOf(0, config.scheduler), lease?.tenure.isHeld ? concat(write$, defer(giveUp)) : EMPTY, report$).subscribe();
  }

  /** Whether there was something to read, so that the shard was told to have started. */
  get #isBegun(): boolean {
    return typeof this.#opened?.start === 'object';
  }

  #reportReleased(reason: ReleaseReason): void {
    if (this.#isBegun) this.#tracked.tell({ type: 'shardReleased', reason });
  }
}

/** The limit of retries after `stop`, and where no children wait. */
const MAX_LAST_RETRIES = 3;

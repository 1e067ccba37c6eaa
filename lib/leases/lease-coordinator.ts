import {
  catchError,
  concat,
  concatMap,
  defer,
  EMPTY,
  filter,
  from,
  ignoreElements,
  merge,
  repeat,
  startWith,
  Subject,
  switchMap,
  take,
  throwError,
  takeUntil,
  tap,
  type Observable,
} from 'rxjs';
import type { LeasableShard, LeaseNews } from '../checkpoints/checkpoint-store.js';
import { isForeignCheckpoint } from '../checkpoints/errors.js';
import { faultKind, type FaultKinds, requestFault } from '../internal/aws-errors.js';
import { delayOf } from '../internal/delay.js';
import { isRxKinesisError } from '../values/errors.js';
import { Bell } from './bell.js';
import { Kcl3Member } from './kcl3-member.js';
import { Fleet } from './fleet.js';
import type { LeaseContext } from './lease-context.js';
import type { LeaseRow } from './lease.js';
import type { TableView, UnreadableRow } from './lease-port.js';
import { LeaseRenewals } from './lease-renewals.js';
import { LeaseTaker } from './lease-taker.js';
import { doneShards } from './listed-shards.js';
import { LookPace, type Task } from './look-pace.js';
import { listenIntervalMs, lookIntervalMs, peekIntervalMs, pulsesIntervalMs, spreadMs, watchesPulses } from './lookIntervalMs.js';
import { assertOwnRows } from './own-rows.js';
import { PulseWatch } from './pulse-watch.js';
import { TableKeeper } from './table-keeper.js';
import { watcherOf, type Watcher } from './watcher.js';

/** A missing table is no lasting fault: the next request makes it again. */
const PASSING: FaultKinds = { ResourceNotFoundException: 'transient' };

/** The connections of a coordinator to the store. */
export interface CoordinatorHooks {
  /** Emits after a lease was lost or given up. */
  readonly changed$: Observable<unknown>;
  /** Called with the shards in view. */
  readonly seeShards: (shards: readonly LeasableShard[]) => void;
  /** Called after each look at the table. */
  readonly looked: () => void;
}

/**
 * One subscription to the leases of a worker.
 *
 * @remarks
 * Looks at the whole table again and again; after each look it emits which shards have ended, makes missing rows, and takes leases or asks
 * for them. Held leases are renewed independently of the looks. It keeps one object a row, and no timer a row.
 */
export class LeaseCoordinator {
  readonly #context: LeaseContext;
  readonly #hooks: CoordinatorHooks;
  readonly #keeper: TableKeeper;
  readonly #member: Kcl3Member;
  readonly #taker: LeaseTaker;
  readonly #bell: Bell;
  readonly #pulseWatch: PulseWatch;
  readonly #fleet: Fleet;
  readonly #pace: LookPace;
  readonly #look$ = new Subject<void>();
  /** The ended shards in view that were emitted, or were ended here. */
  readonly #told = new Set<string>();
  /** The rows that could not be read at the last look. */
  #unreadable: ReadonlySet<string> = new Set();
  #isDraining = false;
  #isLookDue = false;
  #hasLooked = false;

  constructor(context: LeaseContext, hooks: CoordinatorHooks) {
    this.#context = context;
    this.#hooks = hooks;
    this.#keeper = new TableKeeper(context, () => this.lookNow());
    this.#member = new Kcl3Member(context);
    this.#taker = new LeaseTaker(context, () => this.#isDraining);
    this.#bell = new Bell(context);
    this.#pulseWatch = new PulseWatch(context);
    this.#fleet = new Fleet(context);
    this.#pace = new LookPace(context.config);
  }

  /** Emits the news of the leases; completes after `shards$` has completed and no lease is held any more. */
  news(shards$: Observable<readonly LeasableShard[]>): Observable<LeaseNews> {
    const drained$ = merge(this.#hooks.changed$, this.#look$).pipe(
      startWith(undefined),
      filter(() => this.#isDraining && this.#context.held.open.size === 0),
    );
    const followed$ = shards$.pipe(
      tap((shards) => {
        this.#hooks.seeShards(shards);
        this.lookNow();
      }),
      ignoreElements(),
    );
    const drain$ = defer(() => {
      this.#isDraining = true;
      this.#look$.next();
      // Nobody waits for it: the releases of the held leases go on at the same time.
      this.#member.withdraw().subscribe({ error: () => undefined });
      return this.#taker.withdraw();
    });
    const rung$ = merge(drained$, this.#bell.rung$).pipe(
      filter(() => this.#isDraining && this.#context.held.open.size === 0 && this.#bell.isQuiet),
    );
    return merge(
      this.#bell.run().pipe(takeUntil(rung$)),
      new LeaseRenewals(this.#context).run().pipe(takeUntil(drained$)),
      this.#rounds(),
      concat(followed$, drain$),
    );
  }

  /** Has the other workers look at the table soon. */
  ring(): void {
    this.#bell.ring();
  }

  /** Looks at the table now, or directly after the look that is under way. */
  lookNow(): void {
    this.#isLookDue = true;
    this.#look$.next();
  }

  /** Notes that a shard was ended here: that is not emitted as news, but its children may be taken. */
  noteEnd(shardId: string): void {
    this.#told.add(shardId);
    this.lookNow();
    this.ring();
  }

  #rounds(): Observable<LeaseNews> {
    return defer(() => this.#round()).pipe(repeat({ delay: () => (this.#isDraining ? EMPTY : this.#untilNextLook()) }));
  }

  #untilNextLook(): Observable<unknown> {
    const { config } = this.#context;
    if (this.#isLookDue) return delayOf(0, config.scheduler);
    const watcher = this.#pace.isTroubled ? 'each' : this.#watcher();
    const readsPulses = this.#readsPulses(watcher);
    const intervalMs = this.#pace.intervalMs(readsPulses ? pulsesIntervalMs(config) : this.#lookIntervalMs(watcher));
    const due$ = merge(this.#look$, delayOf(intervalMs, config.scheduler));
    if (this.#pace.isBackingOff) return due$.pipe(take(1));
    const isPeeking = readsPulses && peekIntervalMs(config) < intervalMs;
    const pulses$ = isPeeking ? this.#pulseWatch.called(() => this.#readsPulses(watcher)) : EMPTY;
    return merge(due$, this.#called(watcher, intervalMs), pulses$).pipe(take(1));
  }

  #lookIntervalMs(watcher: Watcher): number {
    const { config, observer, clock } = this.#context;
    const { workers, isAsking } = this.#fleet.facts;
    const isWaiting = isAsking || this.#pace.isTroubled;
    return lookIntervalMs(config, { watcher, workers, isWaiting, seenLeases: () => observer.leases(clock.nowMs()) });
  }

  /** Whether this worker relies on the pulses of all others, as they were seen last. */
  #readsPulses(watcher: Watcher): boolean {
    const { observer, clock, config, held } = this.#context;
    const nowMs = clock.nowMs();
    const isHeld = (key: string): boolean => held.get(key)?.isOpen === true;
    // Two processes of one name have one pulse between them, which says of neither that it is alive.
    const stillMs = (row: LeaseRow): number | undefined => (held.isNamesakes(row) ? undefined : observer.stillMs(row, nowMs));
    return watchesPulses(config, this.#fleet.facts, watcher, isHeld, stillMs);
  }

  /** Emits when the bell calls for a look; listens only if that would be sooner than the look that is due anyway. */
  #called(watcher: Watcher, intervalMs: number): Observable<unknown> {
    const { config, observer } = this.#context;
    const { workers } = this.#fleet.facts;
    const listenMs = listenIntervalMs(config, workers);
    if (listenMs >= intervalMs) return EMPTY;
    return delayOf(listenMs, config.scheduler).pipe(
      concatMap(() => this.#bell.isCalled(watcher)),
      repeat(),
      filter((isCalled) => isCalled),
      take(1),
      concatMap(() => delayOf(spreadMs(config, workers, observer.size, config.random), config.scheduler)),
    );
  }

  #watcher(): Watcher {
    const { observer, clock, config } = this.#context;
    if (this.#member.isBesideKcl3 || !this.#keeper.isComplete) return 'each';
    return watcherOf(this.#fleet.facts, ({ leaseKey }) => observer.leaseOf(leaseKey, clock.nowMs())!.idleMs, config);
  }

  #round(): Observable<LeaseNews> {
    const { port, shards, observer, clock, config } = this.#context;
    if (this.#isDraining || !shards()) return EMPTY;
    this.#isLookDue = false;
    const askedAtMs = clock.nowMs();
    // Where a pulse stands still, the leases of its worker are taken or freed, so nothing may be missed. Where another worker watches, it does that.
    const isStill = this.#watcher() !== 'other' && observer.pulses.longestStillMs(config.workerId, askedAtMs) > config.failoverTimeMs;
    const isConsistent = isStill || this.#pace.isPutOff;
    return defer(() => port.scan(isConsistent)).pipe(
      tap((view) => this.#note(view, isConsistent ? askedAtMs : undefined)),
      switchMap(() => this.#act(isConsistent)),
      tap({ complete: () => this.#pace.noteDone('look') }),
      catchError((error: unknown) => this.#failed('look', error)),
    );
  }

  /**
   * Lets the next look retry, later each time. Rows of another stream are an error, and, before a first look has succeeded, any lasting fault, such as a
   * wrong table.
   */
  #failed(action: Task, error: unknown): Observable<never> {
    const { notify, workerId } = this.#context.config;
    const isLasting = isRxKinesisError(error) ? 'retriable' in error && error.retriable === false : faultKind(error, PASSING) === 'fatal';
    if (isForeignCheckpoint(error) || (action === 'look' && !this.#hasLooked && isLasting)) return throwError(() => error);
    notify({ type: 'leaseRequestFailed', workerId, action, attempt: this.#pace.noteFailure(action), reason: requestFault(error), error });
    return EMPTY;
  }

  #act(isConsistent: boolean): Observable<LeaseNews> {
    return concat(
      // The look may have been under way when the worker began to stop, and took back that it is there.
      this.#isDraining ? EMPTY : this.#member.publish(),
      this.#ended(),
      this.#taker.resign(),
      this.#keeper.keep().pipe(
        tap({ next: () => this.ring(), complete: () => this.#pace.noteDone('keep') }),
        ignoreElements(),
        catchError((error: unknown) => this.#failed('keep', error)),
      ),
      defer(() => this.#acquire(isConsistent)),
    );
  }

  #acquire(isConsistent: boolean): Observable<LeaseNews> {
    const options = { rule: this.#member.rule, frees: this.#watcher() === 'self', isConsistent };
    return this.#taker.acquire(options, (outcome) => this.#pace.noteSteps(outcome));
  }

  /** @param confirmedAtMs - when the look was asked for, if it was consistent. */
  #note(view: TableView, confirmedAtMs: number | undefined): void {
    const { observer, clock, held, config, shards } = this.#context;
    const nowMs = clock.nowMs();
    assertOwnRows(view.leases, shards() ?? new Map<string, LeasableShard>());
    observer.observe(view.leases, nowMs, (row) => this.#fleet.isInView(row));
    // Workers of KCL take leases from workers that are alive, so the pulse may be in a row that had changed hands unseen. The row of an ended
    // shard says nothing: it keeps the worker to which the shard was being handed over when it ended, and the one of KCL that ended it.
    const isAlone = view.clientVersion === undefined && !this.#fleet.facts.hasForeign;
    observer.pulses.confirm(isAlone ? confirmedAtMs : undefined, config.failoverTimeMs);
    held.forget((shardId) => shards()?.has(shardId) ?? true);
    this.#member.look(view);
    this.#bell.look(this.#fleet.facts, this.#watcher());
    held.reportsLoad = this.#member.isBesideKcl3;
    this.#hasLooked = true;
    for (const lease of held.open) {
      const row = observer.get(lease.shardId);
      if (row) lease.see(row);
    }
    this.#noteUnreadable(view.unreadable);
    config.notify({ type: 'leasesSeen', workerId: config.workerId, leases: view.leases.length, held: held.open.size });
    this.#hooks.looked();
  }

  #noteUnreadable(rows: readonly UnreadableRow[]): void {
    const { observer, config } = this.#context;
    for (const { leaseKey, error } of rows)
      if (!this.#unreadable.has(leaseKey)) config.notify({ type: 'leaseUnreadable', shardId: leaseKey, error });
    this.#unreadable = new Set(rows.map(({ leaseKey }) => leaseKey));
    observer.noteUnreadable(this.#unreadable);
  }

  #ended(): Observable<LeaseNews> {
    return defer(() => {
      const { observer, shards, held } = this.#context;
      const done = [...doneShards([...(shards()?.values() ?? [])], observer)];
      for (const shardId of this.#told) if (!shards()?.has(shardId)) this.#told.delete(shardId);
      const untold = done.filter((shardId) => !this.#told.has(shardId) && !held.get(shardId)?.isOpen);
      untold.forEach((shardId) => this.#told.add(shardId));
      return from(untold.map((shardId): LeaseNews => ({ type: 'ended', shardId, shardStart: observer.get(shardId)?.shardStart })));
    });
  }
}

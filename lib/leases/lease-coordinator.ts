import {
  catchError,
  concat,
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
import { faultKind, type FaultKinds } from '../internal/aws-errors.js';
import { delayOf } from '../internal/delay.js';
import { isRxKinesisError } from '../values/errors.js';
import { Kcl3Member } from './kcl3-member.js';
import type { LeaseContext } from './lease-context.js';
import type { ObservedLease } from './lease-observer.js';
import type { TableView } from './lease-port.js';
import { LeaseRenewals } from './lease-renewals.js';
import { LeaseTaker } from './lease-taker.js';
import { doneShards } from './listed-shards.js';
import { lookIntervalMs } from './lookIntervalMs.js';
import { TableKeeper } from './table-keeper.js';

/** A missing table is no lasting fault: the next request makes it again. */
const PASSING: FaultKinds = { ResourceNotFoundException: 'transient' };

/** The connections of a coordinator to the store. */
export interface CoordinatorHooks {
  /** Emits after a lease was lost or given up. */
  readonly changed$: Observable<unknown>;
  /** Called with the shards in view. */
  readonly seeShards: (shards: readonly LeasableShard[]) => void;
  /** Called with all leases after each look at the table. */
  readonly looked: (leases: readonly ObservedLease[]) => void;
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
  readonly #look$ = new Subject<void>();
  /** The ended shards that were emitted. */
  readonly #told = new Set<string>();
  readonly #unreadable = new Set<string>();
  #isDraining = false;
  #isLookDue = false;
  #failures = 0;
  #hasLooked = false;

  constructor(context: LeaseContext, hooks: CoordinatorHooks) {
    this.#context = context;
    this.#hooks = hooks;
    this.#keeper = new TableKeeper(context, () => this.lookNow());
    this.#member = new Kcl3Member(context);
    this.#taker = new LeaseTaker(context, () => this.#isDraining);
  }

  /** Emits the news of the leases; completes after `shards$` has completed and no lease is held any more. */
  news(shards$: Observable<readonly LeasableShard[]>): Observable<LeaseNews> {
    const drained$ = merge(this.#hooks.changed$, this.#look$).pipe(
      startWith(undefined),
      filter(() => this.#isDraining && this.#context.held.open().length === 0),
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
    return merge(new LeaseRenewals(this.#context).run().pipe(takeUntil(drained$)), this.#rounds(), concat(followed$, drain$));
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
  }

  #rounds(): Observable<LeaseNews> {
    return defer(() => this.#round()).pipe(repeat({ delay: () => (this.#isDraining ? EMPTY : this.#untilNextLook()) }));
  }

  #untilNextLook(): Observable<unknown> {
    const { config, observer } = this.#context;
    if (this.#isLookDue) return delayOf(0, config.scheduler);
    const intervalMs = lookIntervalMs(config, observer.rows());
    const backOffMs = Math.max(intervalMs, Math.min(intervalMs * 2 ** this.#failures, config.failoverTimeMs)) * (0.5 + config.random() / 2);
    return merge(this.#look$, delayOf(this.#failures === 0 ? intervalMs : backOffMs, config.scheduler)).pipe(take(1));
  }

  #round(): Observable<LeaseNews> {
    const { port, shards } = this.#context;
    if (this.#isDraining || !shards()) return EMPTY;
    this.#isLookDue = false;
    return defer(() => port.scan()).pipe(
      tap((view) => this.#note(view)),
      switchMap(() => this.#act()),
      tap({ complete: () => (this.#failures = 0) }),
      catchError((error: unknown) => this.#failed('look', error)),
    );
  }

  /** Lets the next look retry, later each time. Before a first look has succeeded, a lasting fault, such as a wrong table, is an error. */
  #failed(action: 'keep' | 'look', error: unknown): Observable<never> {
    const { notify, workerId } = this.#context.config;
    const isLasting = isRxKinesisError(error) ? 'retriable' in error && error.retriable === false : faultKind(error, PASSING) === 'fatal';
    if (action === 'look' && !this.#hasLooked && isLasting) return throwError(() => error);
    notify({ type: 'leaseRequestFailed', workerId, action, attempt: ++this.#failures, error });
    return EMPTY;
  }

  #act(): Observable<LeaseNews> {
    return concat(
      this.#member.publish(),
      this.#ended(),
      this.#keeper.keep().pipe(
        ignoreElements(),
        catchError((error: unknown) => this.#failed('keep', error)),
      ),
      defer(() => this.#taker.acquire(this.#member.isAssigned, () => this.lookNow())),
    );
  }

  #note(view: TableView): void {
    const { observer, clock, held, config, shards } = this.#context;
    const nowMs = clock.nowMs();
    observer.observe(view.leases, nowMs);
    held.forget((shardId) => shards()?.has(shardId) ?? true);
    this.#member.look(view);
    this.#hasLooked = true;
    for (const lease of held.open()) {
      const row = observer.rowOf(lease.shardId);
      if (row) lease.see(row);
    }
    for (const { leaseKey, error } of view.unreadable) {
      if (this.#unreadable.has(leaseKey)) continue;
      this.#unreadable.add(leaseKey);
      config.notify({ type: 'leaseUnreadable', shardId: leaseKey, error });
    }
    this.#hooks.looked(observer.leases(nowMs));
  }

  #ended(): Observable<LeaseNews> {
    return defer(() => {
      const { observer, shards, held } = this.#context;
      const rows = new Map(observer.rows().map((row) => [row.leaseKey, row]));
      const done = [...doneShards([...(shards()?.values() ?? [])], rows)];
      const untold = done.filter((shardId) => !this.#told.has(shardId) && !held.get(shardId)?.isOpen);
      untold.forEach((shardId) => this.#told.add(shardId));
      return from(untold.map((shardId): LeaseNews => ({ type: 'ended', shardId })));
    });
  }
}

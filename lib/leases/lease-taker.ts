import { catchError, concatMap, defer, EMPTY, from, ignoreElements, map, mergeMap, of, tap, type Observable } from 'rxjs';
import { requestFault } from '../internal/aws-errors.js';
import type { LeaseNews } from '../checkpoints/checkpoint-store.js';
import type { HeldLease } from './held-lease.js';
import { inLanes } from './in-lanes.js';
import type { LeaseContext } from './lease-context.js';
import { isEnded, type LeaseRow } from './lease.js';
import type { RoundOutcome } from './look-pace.js';
import { askUpdate, freeUpdate, releaseUpdate, resignUpdate, withdrawUpdate } from './lease-updates.js';
import { planLeases, type AssignmentRule, type LeaseStep } from './planLeases.js';

/** How many leases are taken at a time: few, so that a worker that starts at the same time gets some too. */
const TAKE_LANES = 4;
/** A worker of KCL looks every two failover times, and then steals one lease. */
const FAILOVERS_PER_STEAL = 2;
/** In how many rounds, with less than a failover time between them, others are asked for leases whether or not the look has all writes. */
const ROUNDS_BY_ANY_LOOK = 2;
/** The most tries to withdraw a request, whose row may change between the read and the write. */
const MAX_WITHDRAWALS = 3;

/** Takes leases, asks for them, and remembers the leases granted in one subscription. */
export class LeaseTaker {
  readonly #context: LeaseContext;
  readonly #isDraining: () => boolean;
  /** Holds no lease in memory: `held` forgets those of shards out of view. */
  readonly #granted = new WeakSet<HeldLease>();
  #stoleAtMs = -Infinity;
  /** When others were last asked for leases, and in how many rounds with less than a failover time between them. */
  #askedAtMs = -Infinity;
  #askedRounds = 0;

  constructor(context: LeaseContext, isDraining: () => boolean) {
    this.#context = context;
    this.#isDraining = isDraining;
  }

  /**
   * Makes the steps that follow from the last look at the table; emits the granted leases.
   *
   * @param options - the rule of assignment; `frees`: whether this worker frees the leases of workers that are gone; `isConsistent`: whether the look
   * has all writes.
   * @param concluded - is called at the end with what came of them. Once another worker was first, no more steps are made: it takes leases at this
   *   moment, so the plan may be out of date.
   */
  acquire(
    { rule, frees, isConsistent }: { readonly rule: AssignmentRule; readonly frees: boolean; readonly isConsistent: boolean },
    concluded: (outcome: RoundOutcome) => void,
  ): Observable<LeaseNews> {
    return defer(() => {
      const { observer, clock, shards, config, held } = this.#context;
      const nowMs = clock.nowMs();
      const maySteal = nowMs - this.#stoleAtMs > FAILOVERS_PER_STEAL * config.failoverTimeMs;
      const isHeld = (key: string): boolean => this.#isGranted(key);
      const yields = (row: LeaseRow): boolean => held.yields(row);
      const plan = planLeases({ leases: observer.leases(nowMs), shards: shards()!, isHeld, yields, rule, maySteal, frees }, config);
      const steps = isConsistent || this.#mayAsk(nowMs) ? plan : plan.filter((step) => step.from !== 'asked');
      if (steps.some((step) => step.from === 'asked')) this.#noteAsking(nowMs);
      const outcome = { hasFailed: false, isRefused: false, hasGrants: false, isPutOff: steps.length < plan.length };
      const conclude = (news: LeaseNews | undefined): Observable<LeaseNews> => {
        outcome[news ? 'hasGrants' : 'isRefused'] = true;
        return news ? of(news) : EMPTY;
      };
      const step = (next: LeaseStep): Observable<LeaseNews> =>
        defer(() => (outcome.isRefused || this.#isDraining() ? EMPTY : this.#do(next))).pipe(
          concatMap(conclude),
          catchError((error: unknown) => {
            outcome.hasFailed = true;
            return this.#failed(next.row, 'take', error);
          }),
        );
      return inLanes(steps, TAKE_LANES, step).pipe(tap({ complete: () => concluded(outcome) }));
    });
  }

  /**
   * Removes this worker's name from the rows whose former owner it is without holding them: a worker of KCL 2.x that takes a lease during a hand-over
   * leaves it there, and all others would go on taking this worker for the holder. Never errors.
   */
  resign(): Observable<never> {
    const { observer, held, config } = this.#context;
    const isLeft = ({ leaseKey, leaseOwner = config.workerId, checkpointOwner }: LeaseRow): boolean =>
      checkpointOwner === config.workerId && leaseOwner !== config.workerId && held.get(leaseKey)?.isOpen !== true;
    const left = (): LeaseRow[] => observer.rows().filter((row) => isLeft(row) && !isEnded(row) && !held.isNamesakes(row));
    return defer(() => from(left())).pipe(mergeMap((row) => this.#resign(row)));
  }

  #resign(row: LeaseRow): Observable<never> {
    const { port, inTurn, held, observer, clock, config } = this.#context;
    const { leaseKey, leaseOwner = '' } = row;
    // In its turn, this worker may have taken the lease again.
    const resign = (): Observable<boolean> =>
      held.get(leaseKey)?.isOpen ? of(false) : port.update(leaseKey, resignUpdate({ leaseOwner }, config.workerId));
    return inTurn(leaseKey, resign).pipe(
      tap((done) => (done ? observer.note({ ...row, checkpointOwner: undefined }, clock.nowMs()) : undefined)),
      ignoreElements(),
      catchError((error: unknown) => this.#failed(row, 'release', error)),
    );
  }

  /** Withdraws this worker's requests: a lease handed over to a worker that is gone stays idle until it expires. Never errors. */
  withdraw(): Observable<never> {
    const { observer, config } = this.#context;
    const mine = ({ leaseOwner }: LeaseRow): boolean => leaseOwner === config.workerId;
    return defer(() => from(observer.rows().filter((row) => mine(row) && !isEnded(row)))).pipe(
      mergeMap(({ leaseKey }) => this.#withdraw(leaseKey)),
    );
  }

  /**
   * Whether to ask others for leases by a look that may have missed writes. Each of them hands over what it is asked for, so workers that do not see
   * what the others have asked for ask for too many, and are then asked for those again.
   */
  #mayAsk(nowMs: number): boolean {
    return !this.#isAskingOn(nowMs) || this.#askedRounds < ROUNDS_BY_ANY_LOOK;
  }

  #noteAsking(nowMs: number): void {
    this.#askedRounds = this.#isAskingOn(nowMs) ? this.#askedRounds + 1 : 1;
    this.#askedAtMs = nowMs;
  }

  #isAskingOn(nowMs: number): boolean {
    return nowMs - this.#askedAtMs <= this.#context.config.failoverTimeMs;
  }

  /** Reports a failed step; the next look decides again. */
  #failed({ leaseKey: shardId }: LeaseRow, action: 'release' | 'take', error: unknown): Observable<never> {
    const { notify, workerId } = this.#context.config;
    notify({ type: 'leaseRequestFailed', workerId, action, shardId, attempt: 1, reason: requestFault(error), error });
    return EMPTY;
  }

  #isGranted(key: string): boolean {
    const lease = this.#context.held.get(key);
    return lease?.isOpen === true && this.#granted.has(lease);
  }

  /** Emits `undefined` when another worker was first. */
  #do(step: LeaseStep): Observable<LeaseNews | undefined> {
    const { held, clock, inTurn, shards } = this.#context;
    const { leaseKey } = step.row;
    if (step.from === 'asked') return this.#ask(step);
    if (step.from === 'gone') return this.#free(step);
    if (step.from === 'stolen') this.#stoleAtMs = clock.nowMs();
    const { streamName } = shards()!.get(leaseKey)!;
    return inTurn(leaseKey, () => held.take(step.row, streamName)).pipe(
      concatMap((lease) => (lease && this.#isDraining() ? this.#giveBack(lease) : of(lease && this.#grant(lease, step)))),
    );
  }

  #free({ row, idleMs }: LeaseStep): Observable<never> {
    const { port, config, observer, clock, ring } = this.#context;
    const { leaseKey, leaseOwner: formerOwner = '', leaseCounter } = row;
    const { notify, workerId } = config;
    const freed = { ...row, leaseOwner: undefined, gracefulOwner: undefined, checkpointOwner: undefined, leaseCounter: leaseCounter + 1 };
    return port.update(leaseKey, freeUpdate(row)).pipe(
      tap((done) => {
        if (!done) return;
        notify({ type: 'leaseFreed', workerId, shardId: leaseKey, formerOwner, idleMs });
        observer.note(freed, clock.nowMs());
        ring();
      }),
      ignoreElements(),
    );
  }

  #ask({ row }: LeaseStep): Observable<never> {
    const { port, config, observer, clock, ring } = this.#context;
    const { leaseKey, leaseOwner: owner = '' } = row;
    const { workerId, notify } = config;
    return port.update(leaseKey, askUpdate({ leaseOwner: owner }, workerId)).pipe(
      concatMap((done) => {
        if (!done) return EMPTY;
        notify({ type: 'leaseRequested', workerId, shardId: leaseKey, owner });
        ring();
        observer.note({ ...row, leaseOwner: workerId, checkpointOwner: owner }, clock.nowMs());
        return this.#isDraining() ? this.#withdraw(leaseKey) : EMPTY;
      }),
    );
  }

  #withdraw(leaseKey: string, attempt = 1): Observable<never> {
    const { port, inTurn, held, config } = this.#context;
    const { workerId, notify } = config;
    const withdraw = (): Observable<boolean> =>
      port.get(leaseKey).pipe(
        concatMap((row) => {
          if (row?.leaseOwner !== workerId || held.get(leaseKey)?.isOpen || held.isNamesakes(row)) return of(true);
          const { checkpointOwner, leaseCounter } = row;
          // Without a former owner in the row, the lease was handed over meanwhile.
          const isWaiting = checkpointOwner !== undefined;
          return port.update(leaseKey, isWaiting ? withdrawUpdate(workerId, checkpointOwner) : releaseUpdate(leaseCounter, workerId));
        }),
      );
    return inTurn(leaseKey, withdraw).pipe(
      catchError((error: unknown) => {
        notify({ type: 'leaseRequestFailed', workerId, action: 'release', shardId: leaseKey, attempt, reason: requestFault(error), error });
        return of(false);
      }),
      concatMap((done) => (done || attempt >= MAX_WITHDRAWALS ? EMPTY : this.#withdraw(leaseKey, attempt + 1))),
    );
  }

  /** Releases a lease that was being taken when the worker began to drain: no more leases are granted. */
  #giveBack(lease: HeldLease): Observable<never> {
    const { held, inTurn } = this.#context;
    return inTurn(lease.shardId, () => held.release(lease)).pipe(ignoreElements());
  }

  #grant(lease: HeldLease, step: LeaseStep): LeaseNews {
    const { observer, clock, config } = this.#context;
    const { shardId, fencingToken, lost$, asked$ } = lease;
    const { row } = step;
    this.#granted.add(lease);
    const mine = { leaseOwner: config.workerId, leaseCounter: lease.leaseCounter, checkpointOwner: undefined };
    observer.note({ ...row, ...mine }, clock.nowMs());
    this.#tell(lease, step);
    // A worker without a lease cannot be seen: it may want this one.
    if (step.from === 'expired') this.#context.ring();
    asked$.pipe(map(() => lease.nextOwner ?? '')).subscribe({
      next: (nextOwner) => config.notify({ type: 'leaseAsked', workerId: config.workerId, shardId, nextOwner }),
      error: () => undefined,
    });
    return { type: 'granted', shardId, lease: { fencingToken, lost$, asked$, noteRead: (bytes) => lease.noteRead(bytes) } };
  }

  #tell({ shardId, fencingToken }: HeldLease, { row, idleMs, from }: LeaseStep): void {
    const { notify, workerId } = this.#context.config;
    const { leaseOwner, checkpointOwner } = row;
    const formerOwner = checkpointOwner ?? (leaseOwner === workerId ? undefined : leaseOwner);
    const former = formerOwner !== undefined && { formerOwner };
    if (from !== 'asked' && from !== 'gone') notify({ type: 'leaseTaken', workerId, shardId, from, idleMs, fencingToken, ...former });
  }
}

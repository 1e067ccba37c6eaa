import { catchError, defer, EMPTY, finalize, from, mergeMap, repeat, tap, type Observable } from 'rxjs';
import { requestFault } from '../internal/aws-errors.js';
import { delayOf } from '../internal/delay.js';
import type { HeldLease } from './held-lease.js';
import type { LeaseContext } from './lease-context.js';
import { TICKS_TO_RENEWAL, tickMs } from './ticks.js';

/** A pause of the process counts as this many ticks at most. */
const MAX_TICKS = 3 * TICKS_TO_RENEWAL;

/**
 * Renews the held leases for as long as it is subscribed; never emits.
 *
 * @remarks
 * One timer serves all leases. Each lease is renewed a third of the failover time after its last write, so a lease whose checkpoint is
 * written more often needs no renewal. A failed renewal is retried at one of the next two ticks; no lease waits for another one.
 */
export class LeaseRenewals {
  readonly #context: LeaseContext;
  readonly #tickMs: number;
  readonly #renewing = new Set<HeldLease>();
  #tickedAtMs: number;

  constructor(context: LeaseContext) {
    this.#context = context;
    this.#tickMs = tickMs(context.config);
    this.#tickedAtMs = context.config.scheduler.now();
  }

  run(): Observable<never> {
    const { scheduler } = this.#context.config;
    return delayOf(this.#tickMs, scheduler).pipe(
      repeat(),
      mergeMap(() => this.#tick()),
    );
  }

  #tick(): Observable<never> {
    const { held, clock, config } = this.#context;
    const nowMs = config.scheduler.now();
    const ticks = Math.min(Math.max(Math.round((nowMs - this.#tickedAtMs) / this.#tickMs), 1), MAX_TICKS);
    this.#tickedAtMs = nowMs;
    // The clock must be read at least once a tick to follow the scheduler's.
    clock.nowMs();
    held.tick(ticks);

    const due = [...held.open].filter((lease) => {
      lease.idleTicks += ticks;
      lease.waitTicks -= ticks;
      if (lease.nextOwner !== undefined) lease.askedTicks += ticks;
      return !this.#renewing.has(lease) && (this.#isOverdue(lease) || (lease.idleTicks >= TICKS_TO_RENEWAL && lease.waitTicks <= 0));
    });
    return from(due).pipe(mergeMap((lease) => this.#renew(lease)));
  }

  /** Whether the time is over in which the lease's work should end after another worker asked for it. */
  #isOverdue({ askedTicks, nextOwner }: HeldLease): boolean {
    return nextOwner !== undefined && askedTicks * this.#tickMs > this.#context.config.handOverTimeoutMs;
  }

  #renew(lease: HeldLease): Observable<never> {
    const { held, inTurn, ring } = this.#context;
    this.#renewing.add(lease);
    const work = (): Observable<unknown> => {
      const { nextOwner } = lease;
      if (nextOwner !== undefined && this.#isOverdue(lease)) return held.surrender(lease, nextOwner).pipe(tap(ring));
      // A write before this one may have renewed the lease.
      if (lease.idleTicks < TICKS_TO_RENEWAL) return EMPTY;
      const waited = lease.idleTicks;
      return held.renew(lease).pipe(tap({ complete: () => this.#tellRenewed(lease, waited) }));
    };
    return inTurn(lease.shardId, () => defer(work)).pipe(
      catchError((error: unknown) => this.#retryLater(lease, error)),
      mergeMap(() => EMPTY),
      finalize(() => this.#renewing.delete(lease)),
    );
  }

  #tellRenewed(lease: HeldLease, waitedTicks: number): void {
    const { notify, workerId } = this.#context.config;
    if (!lease.isOpen) return;
    notify({ type: 'leaseRenewed', workerId, shardId: lease.shardId });
    if (waitedTicks === Infinity || waitedTicks <= TICKS_TO_RENEWAL + 1) return;
    notify({ type: 'leaseRenewedLate', workerId, shardId: lease.shardId, sinceMs: waitedTicks * this.#tickMs });
  }

  #retryLater(lease: HeldLease, error: unknown): Observable<never> {
    const { notify, workerId, random } = this.#context.config;
    lease.failures += 1;
    lease.waitTicks = Math.floor(random() * Math.min(3, 2 ** (lease.failures - 1)));
    notify({
      type: 'leaseRequestFailed',
      workerId,
      action: 'renew',
      shardId: lease.shardId,
      attempt: lease.failures,
      reason: requestFault(error),
      error,
    });
    return EMPTY;
  }
}

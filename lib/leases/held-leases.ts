import { catchError, defer, EMPTY, finalize, map, of, switchMap, tap, throwError, type Observable } from 'rxjs';
import { assertNotBackwards } from '../checkpoints/checkpoint-rules.js';
import type { Checkpoint } from '../checkpoints/checkpoint-store.js';
import { CheckpointError, LeaseLostError } from '../checkpoints/errors.js';
import { comparePositions, LATEST } from '../values/position.js';
import type { ShardName } from '../values/shard-id.js';
import type { Attempt } from './attempt.js';
import { HeldLease, type LossReason, type Tenancy } from './held-lease.js';
import { gracefulHolderOf, isEnded, type LeaseRow } from './lease.js';
import type { LeasePort } from './lease-port.js';
import {
  checkpointUpdate,
  handOverUpdate,
  keepCondition,
  releaseUpdate,
  renewUpdate,
  storedOf,
  takeUpdate,
  withPulse,
  type CounterCondition,
  type LeaseUpdate,
  type StoredCheckpoint,
} from './lease-updates.js';
import { Pulse } from './pulse.js';

/** The most tries of a write whose row others keep changing. */
const MAX_ATTEMPTS = 5;
/** The most tries of a release that fails: if only the reply of the first was lost, the second one shows it. */
const MAX_RELEASES = 2;

/**
 * The leases of one worker, and every write of their rows.
 *
 * @remarks
 * The calls for one shard must be made one at a time. After a refused write the row is read consistently. If an earlier request of this
 * worker changed it, whose reply was lost, the lease is still held; if somebody deleted the row, it is made again; otherwise the lease is
 * lost. Leases that are lost or released stay known, so that late work of such a tenure cannot write.
 */
export class HeldLeases {
  readonly #port: LeasePort;
  readonly #tenancy: Tenancy;
  readonly #leases = new Map<string, HeldLease>();
  readonly #pulse: Pulse<HeldLease>;
  /** Whether the rows say how much is read of each shard: a leader of KCL 3 balances its workers by that. */
  reportsLoad = false;

  constructor(port: LeasePort, tenancy: Tenancy) {
    this.#port = port;
    this.#tenancy = tenancy;
    this.#pulse = new Pulse(tenancy);
  }

  /** The lease of a shard, also when it is lost or released. */
  get(shardId: string): HeldLease | undefined {
    return this.#leases.get(shardId);
  }

  /** The leases that are held now. */
  get open(): ReadonlySet<HeldLease> {
    return this.#pulse.leases;
  }

  /** Whether another process with this `workerId` was the last to take the lease of a row: it may hold the lease. */
  isNamesakes(row: LeaseRow): boolean {
    const { workerId, processId } = this.#tenancy;
    return gracefulHolderOf(row) === workerId && row.processId !== undefined && row.processId !== processId;
  }

  /**
   * Whether to leave the lease to that process for as long as it renews it. A process that begins anew must have the leases of its former life at once,
   * and both are to hear of each other: so the first loss is answered by taking the lease back, and only then each leaves half of the shards.
   */
  yields(row: LeaseRow): boolean {
    const losses = this.#leases.get(row.leaseKey)?.namesakeLosses ?? 0;
    return losses > 1 && this.isNamesakes(row) && !isKept(row.leaseKey, this.#tenancy.processId, row.processId!);
  }

  /** Notes that so many ticks of the renewals have passed. */
  tick(ticks: number): void {
    this.#pulse.tick(ticks);
  }

  /** Forgets the lost and released leases of shards that are not in view any more. */
  forget(isInView: (shardId: string) => boolean): void {
    for (const [shardId, { isOpen }] of this.#leases) if (!isOpen && !isInView(shardId)) this.#leases.delete(shardId);
  }

  /** Makes this worker the owner, if the row is still as it was read. Emits the lease; `undefined` when another worker was first. */
  take(row: LeaseRow, streamName: string): Observable<HeldLease | undefined> {
    const { workerId, processId } = this.#tenancy;
    return defer(() => {
      const pulse = this.#pulse;
      const { era } = pulse;
      const attempt = pulse.attempt();
      const taken = { ...row, leaseOwner: workerId, leaseCounter: row.leaseCounter + 1 };
      // A request of this worker and a hand-over to it make it the owner too, but not the one that can be asked; so does a take of its namesake.
      const isOurs = (now: LeaseRow | undefined): boolean =>
        now?.leaseOwner === workerId &&
        gracefulHolderOf(now) === workerId &&
        now.processId === processId &&
        now.leaseCounter === taken.leaseCounter;
      let lease: HeldLease | undefined;
      const isUnderPulse = (): boolean => attempt.isPulse || pulse.era === era;
      return this.#send(row.leaseKey, takeUpdate(row, workerId, processId), attempt).pipe(
        // A refused write may have succeeded before: its reply was lost, and the client sent it again.
        switchMap((done) => (done ? of(true) : this.#port.get(row.leaseKey).pipe(map(isOurs)))),
        map((done) => (lease = done && isUnderPulse() ? this.#begin(taken, streamName, attempt) : undefined)),
        finalize(() => (lease ? undefined : attempt.end())),
      );
    });
  }

  /** Renews a lease. Completes also when it turns out to be lost. */
  renew(lease: HeldLease): Observable<never> {
    const update = (): LeaseUpdate => this.#loaded(lease, renewUpdate(this.#kept(lease)));
    return defer(() => (lease.isOpen ? this.#write(lease, update) : EMPTY)).pipe(
      switchMap(() => EMPTY),
      catchError((error: unknown) => (lease.isOpen ? throwError(() => error) : EMPTY)),
    );
  }

  /** Stores the checkpoint of a lease. @param childShardIds - the children, at the shard's end. */
  checkpoint(lease: HeldLease, checkpoint: Checkpoint, childShardIds: readonly string[]): Observable<undefined> {
    return defer(() => {
      if (!lease.isOpen) return throwError(() => new LeaseLostError(checkpoint));
      const stored = storedOf(checkpoint);
      const update = (): LeaseUpdate => {
        // Checked before each try: an earlier write whose reply was lost may have stored a later checkpoint.
        assertNotBackwards(lease.checkpoint, checkpoint);
        return this.#loaded(lease, checkpointUpdate(this.#kept(lease), stored, childShardIds));
      };
      return this.#write(lease, update, stored);
    });
  }

  /** Releases a held lease: to the worker that asked for it, or to nobody. Emits that worker. */
  release(lease: HeldLease): Observable<string | undefined> {
    const { workerId } = this.#tenancy;
    let nextOwner: string | undefined;
    const update = (): LeaseUpdate => {
      nextOwner = lease.nextOwner;
      return nextOwner === undefined
        ? releaseUpdate(lease.leaseCounter, workerId)
        : handOverUpdate(lease.leaseCounter, workerId, nextOwner);
    };
    return defer(() => (lease.isOpen ? this.#giveUp(lease, update) : EMPTY)).pipe(map(() => nextOwner));
  }

  /** Ends a lease whose work did not end in time, and hands it over. */
  surrender(lease: HeldLease, nextOwner: string): Observable<boolean> {
    return defer(() => {
      const update = handOverUpdate(lease.leaseCounter, this.#tenancy.workerId, nextOwner);
      lease.lose('handOverTimeout');
      return this.#port.update(lease.shardId, update);
    });
  }

  #begin(row: LeaseRow, streamName: string, attempt: Attempt): HeldLease {
    const lease = new HeldLease(row, streamName, this.#tenancy, this.#pulse, attempt);
    const former = this.#leases.get(row.leaseKey);
    this.#leases.set(row.leaseKey, lease);
    lease.namesakeLosses = former?.namesakeLosses ?? 0;
    former?.end();
    if (attempt.isPulse) this.#pulse.beat(lease, attempt);
    return lease;
  }

  /** The condition of a write that keeps the lease as it is now. */
  #kept({ leaseCounter, isHandingOver }: HeldLease): CounterCondition {
    return keepCondition(leaseCounter, this.#tenancy.workerId, isHandingOver);
  }

  /** Adds the load to a write that keeps the lease: a renewal or a checkpoint, since a lease that is checkpointed often is never renewed. */
  #loaded(lease: HeldLease, update: LeaseUpdate): LeaseUpdate {
    return this.reportsLoad ? { ...update, set: { ...update.set, ...lease.measureLoad() } } : update;
  }

  #send(leaseKey: string, update: LeaseUpdate, { isPulse }: Attempt): Observable<boolean> {
    return this.#port.update(leaseKey, isPulse ? withPulse(update) : update);
  }

  /** @param checkpoint - absent when the row keeps its checkpoint. */
  #write(lease: HeldLease, update: () => LeaseUpdate, checkpoint?: StoredCheckpoint, attempts = 1): Observable<undefined> {
    return defer(() => {
      const change = update();
      const attempt = lease.sending(checkpoint);
      return this.#send(lease.shardId, change, attempt).pipe(
        switchMap((done) => {
          if (!done) return this.#resume(lease, update, checkpoint, attempts);
          lease.wrote(attempt, checkpoint);
          return of(undefined);
        }),
        tap({ error: () => this.#pulse.miss(lease) }),
        finalize(() => lease.answered(attempt)),
      );
    });
  }

  /** Continues after a refused write: done, one more try, or an error. */
  #resume(lease: HeldLease, update: () => LeaseUpdate, checkpoint: StoredCheckpoint | undefined, attempts: number): Observable<undefined> {
    const counter = lease.leaseCounter;
    return this.#readAgain(lease).pipe(
      switchMap((loss) => {
        if (loss !== undefined) lease.lose(loss);
        if (!lease.isOpen) return throwError(() => new LeaseLostError(lease.name));
        const isStored =
          checkpoint === undefined || (comparePositions(lease.checkpoint, checkpoint) === 0 && lease.progress === checkpoint.progress);
        if (lease.leaseCounter !== counter && isStored) return of(undefined);
        return attempts < MAX_ATTEMPTS ? this.#write(lease, update, checkpoint, attempts + 1) : throwError(() => contended(lease.name));
      }),
    );
  }

  #giveUp(lease: HeldLease, update: () => LeaseUpdate, attempts = 1): Observable<undefined> {
    return this.#port.update(lease.shardId, update()).pipe(
      switchMap((done) => (done ? of(false) : this.#readAgain(lease).pipe(map((loss) => loss === undefined)))),
      catchError((error: unknown) => (attempts < MAX_RELEASES ? of(true) : throwError(() => error))),
      switchMap((isStillHeld) => {
        if (isStillHeld && attempts < MAX_ATTEMPTS) return this.#giveUp(lease, update, attempts + 1);
        lease.end();
        return of(undefined);
      }),
    );
  }

  /** Reads the row after a refused write, and makes it again if it is gone. Emits why the lease is lost; `undefined`: it is still held. */
  #readAgain(lease: HeldLease): Observable<LossReason | undefined> {
    return this.#port.get(lease.shardId).pipe(
      switchMap((row) => {
        // A row that is gone after the lease was lost is not this worker's to make: it may be that of a shard that others have ended.
        if (row || isEnded(lease) || !lease.isOpen) return of(lease.adopt(row));
        return this.#remake(lease).pipe(
          switchMap((done) => (done ? of(undefined) : this.#port.get(lease.shardId).pipe(map((again) => lease.adopt(again))))),
        );
      }),
    );
  }

  /** Makes the row of a held lease again: whoever deleted it did not take the lease. */
  #remake(lease: HeldLease): Observable<boolean> {
    return defer(() => {
      const { workerId, processId } = this.#tenancy;
      const attempt = lease.sending();
      const { shardId: leaseKey, leaseCounter, progress } = lease;
      const { startTimestamp, ...origin } = lease.origin;
      const { sequenceNumber, subSequenceNumber } = lease.checkpoint;
      const checkpoint = { sequenceNumber, subSequenceNumber };
      const row = {
        leaseKey,
        checkpoint,
        ...(progress !== undefined && { progress }),
        ...origin,
        ...(sequenceNumber === LATEST && startTimestamp !== undefined && { startTimestamp }),
        leaseOwner: workerId,
        gracefulOwner: workerId,
        processId,
        leaseCounter: leaseCounter + 1,
        ...(attempt.isPulse && { pulse: leaseCounter + 1 }),
      };
      return this.#port.create(row).pipe(
        tap((done) => (done ? lease.wrote(attempt) : undefined)),
        finalize(() => lease.answered(attempt)),
      );
    });
  }
}

/** Whether a process keeps a shard that another one of its name wants too: both come to the same result. */
function isKept(shardId: string, processId: string, otherId: string): boolean {
  const isEven = shardId.charCodeAt(shardId.length - 1) % 2 === 0;
  return processId < otherId === isEven;
}

function contended(name: ShardName): CheckpointError {
  const message = `the row of the lease was changed by others ${MAX_ATTEMPTS} times while it was being written`;
  return new CheckpointError(message, { ...name, retriable: true });
}

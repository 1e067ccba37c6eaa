import { AsyncSubject, type Observable, type SchedulerLike } from 'rxjs';
import { comparePositions, type Position } from '../values/position.js';
import type { ShardName } from '../values/shard-id.js';
import type { LeaseLostEvent } from '../monitoring/lease-events.js';
import type { Attempt } from './attempt.js';
import { holderOf, type LeaseRow } from './lease.js';
import type { StoredCheckpoint } from './lease-updates.js';
import type { Pulse } from './pulse.js';
import { Throughput } from './throughput.js';

/** Why a lease was lost. */
export type LossReason = LeaseLostEvent['reason'];

/** How a worker holds its leases. */
export interface Tenancy {
  readonly workerId: string;
  /** Tells this process from another one with the same `workerId`. */
  readonly processId: string;
  /** How long a lease is held after its last renewal was sent, in ms: less than the failover time. */
  readonly fenceMs: number;
  readonly scheduler: SchedulerLike;
  /** Called at each loss, before the lease's `lost$` emits. */
  readonly onLost: (lease: HeldLease, reason: LossReason) => void;
}

/**
 * A lease of this worker, from the moment when it took the lease until the lease is lost, released or taken again.
 *
 * @remarks
 * A timer, started when the last successful write was sent, ends the lease: setting the clock does not move a timer, and a timer that was
 * due while the process stood still fires before anything else.
 */
export class HeldLease {
  readonly name: ShardName;
  /** The fields with which the row is made again if somebody deletes it. */
  readonly origin: Pick<LeaseRow, 'hashKeyRange' | 'parentShardIds' | 'shardStart' | 'startTimestamp'>;
  /** The counter with which the tenure began. */
  readonly fencingToken: string;
  /** When the lease was taken, by the scheduler's clock. */
  readonly sinceMs: number;
  /** Emits once if the lease is lost; completes without a value when the tenure ends otherwise. */
  readonly lost$: Observable<void>;
  /** Emits once when another worker asks for the lease. */
  readonly asked$: Observable<void>;
  /** Ticks of the renewal since the last write. */
  idleTicks = 0;
  /** How often the renewal has failed since then, and the ticks to wait before the next try. */
  failures = 0;
  waitTicks = 0;
  /** Ticks since another worker asked for the lease. */
  askedTicks = 0;
  /** How often this process has lost the shard to another one with its `workerId`, also in earlier tenures. */
  namesakeLosses = 0;

  /** The row's counter after this worker's last write that is known to have succeeded. */
  #counter: number;
  /** The row's checkpoint after that write. */
  #stored: StoredCheckpoint;
  /** Checkpoints sent since that write whose outcome is unknown. At most one of them can have been stored. */
  #unsure: StoredCheckpoint[] = [];
  /** The first of these writes: any of them may have succeeded, so only the earliest end of the lease is certain. */
  #firstUnsure: Attempt | undefined;
  #isOpen = true;
  #nextOwner: string | undefined;
  #isHandingOver = false;
  #current: Attempt;
  readonly #tenancy: Tenancy;
  readonly #pulse: Pulse<HeldLease>;
  readonly #throughput: Throughput;
  readonly #loss = new AsyncSubject<void>();
  readonly #asked = new AsyncSubject<void>();

  /** @param row - as this worker left it when it took the lease. @param attempt - the write that took it. */
  constructor(row: LeaseRow, streamName: string, tenancy: Tenancy, pulse: Pulse<HeldLease>, attempt: Attempt) {
    this.name = { streamName, shardId: row.leaseKey };
    const { parentShardIds, hashKeyRange, shardStart, startTimestamp } = row;
    this.origin = {
      parentShardIds,
      hashKeyRange,
      ...(shardStart !== undefined && { shardStart }),
      ...(startTimestamp !== undefined && { startTimestamp }),
    };
    this.fencingToken = String(row.leaseCounter);
    this.sinceMs = tenancy.scheduler.now();
    this.#throughput = new Throughput(this.sinceMs);
    this.#counter = row.leaseCounter;
    this.#stored = { ...row.checkpoint, progress: row.progress };
    this.#tenancy = tenancy;
    this.#pulse = pulse;
    this.lost$ = this.#loss.asObservable();
    this.asked$ = this.#asked.asObservable();
    this.#current = attempt;
    pulse.join(this);
    this.#hold(attempt);
  }

  get shardId(): string {
    return this.name.shardId;
  }

  get leaseCounter(): number {
    return this.#counter;
  }

  get checkpoint(): Position {
    return this.#stored;
  }

  /** The settled ranges beyond the checkpoint and the unreleased blocks before it, as the row has them. */
  get progress(): string | undefined {
    return this.#stored.progress;
  }

  /** Whether this worker may still write. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Whether the lease is being handed over, by its row. */
  get isHandingOver(): boolean {
    return this.#isHandingOver;
  }

  /** The worker that has asked for the lease. */
  get nextOwner(): string | undefined {
    return this.#nextOwner;
  }

  /** Adds payload bytes that were read of the shard. */
  noteRead(bytes: number): void {
    this.#throughput.note(bytes);
  }

  /** What a write says of the shard's load: nothing if it was measured less than a renewal's interval ago. */
  measureLoad(): { readonly throughputKBps?: number } {
    const { scheduler, fenceMs } = this.#tenancy;
    const throughputKBps = this.#throughput.measure(scheduler.now(), fenceMs / 3);
    return throughputKBps === undefined ? {} : { throughputKBps };
  }

  /** Notes a write before it is sent: if its reply is lost, the row will show whether it was made. */
  sending(checkpoint: StoredCheckpoint = this.#stored): Attempt {
    if (!this.#unsure.some((sent) => comparePositions(sent, checkpoint) === 0)) this.#unsure.push(checkpoint);
    const attempt = this.#pulse.attempt(this);
    this.#firstUnsure ??= attempt;
    return attempt;
  }

  /** Notes that a write has its reply, or that nobody waits for the reply any more. */
  answered(attempt: Attempt): void {
    if (attempt !== this.#current && attempt !== this.#firstUnsure) attempt.end();
  }

  /** Notes that this worker's write of the row has succeeded. */
  wrote(attempt: Attempt, checkpoint: StoredCheckpoint = this.#stored, isPulse = attempt.isPulse): void {
    this.#counter += 1;
    this.#stored = checkpoint;
    this.#unsure = [];
    if (this.#firstUnsure !== attempt) this.#firstUnsure?.end();
    this.#firstUnsure = undefined;
    // A write that was sent before the pulse came to this lease does not bring it.
    this.idleTicks = this.idleTicks === Infinity && !isPulse && !this.#pulse.isPlaced ? Infinity : 0;
    this.failures = 0;
    this.waitTicks = 0;
    if (!this.#isOpen) return attempt.end();
    this.#current.end();
    this.#hold(attempt);
    if (isPulse) this.#pulse.beat(this, attempt);
  }

  /**
   * Decides, after a write whose condition failed, why the lease is lost; `undefined`: it is still held. An earlier request whose reply was lost
   * may have changed the row, or another worker only asks for the lease. The tenure then continues with that row.
   *
   * @remarks
   * All requests of unknown outcome had the same counter in their condition. So if one succeeded, the counter went up by exactly 1, and the
   * checkpoint is one of those that were sent. Whoever asks leaves the counter as it is. A worker of KCL 2 that takes the lease adds 1 and leaves
   * `checkpointOwner`: so beside a counter that went up, a next owner that was not known proves that the lease is lost, unless the row has what
   * only this worker can have written meanwhile. The writes of another process of this name look the same in all but `processId`.
   */
  adopt(row: LeaseRow | undefined): LossReason | undefined {
    const { workerId, processId } = this.#tenancy;
    if (!row || holderOf(row) !== workerId) return 'taken';
    if (row.processId !== undefined && row.processId !== processId) return 'sameWorkerId';
    if (row.leaseCounter !== this.#counter) {
      if (row.leaseCounter !== this.#counter + 1) return 'taken';
      if (!this.#firstUnsure || !this.#unsure.some((sent) => comparePositions(sent, row.checkpoint) === 0)) return 'taken';
      const isWritten = row.pulse === row.leaseCounter || comparePositions(row.checkpoint, this.#stored) !== 0;
      if (!isWritten && !this.#isNamed(row)) return 'taken';
      this.wrote(this.#firstUnsure, { ...row.checkpoint, progress: row.progress }, row.pulse === row.leaseCounter);
    }
    this.look(row);
    return this.#isOpen ? undefined : 'expired';
  }

  /** Looks in the row of this tenure whether another worker asks for the lease. */
  look({ checkpointOwner, leaseOwner }: Pick<LeaseRow, 'checkpointOwner' | 'leaseOwner'>): void {
    this.#isHandingOver = checkpointOwner !== undefined;
    this.#nextOwner = this.#isHandingOver ? leaseOwner : undefined;
    if (this.#nextOwner === undefined) return;
    this.#asked.next();
    this.#asked.complete();
  }

  /** Takes the row from a scan of the table, which may be out of date. */
  see(row: LeaseRow): void {
    const isMine = holderOf(row) === this.#tenancy.workerId;
    if (isMine && row.leaseCounter === this.#counter) this.look(row);
    // Only a refused write proves that the lease is lost: so write soon.
    if (!this.#isNamed(row) && row.leaseCounter > this.#counter) this.idleTicks = Infinity;
  }

  /** Notes that the lease is no longer this worker's. */
  lose(reason: LossReason): void {
    if (!this.#isOpen) return;
    this.#close();
    if (reason === 'sameWorkerId') this.namesakeLosses += 1;
    this.#tenancy.onLost(this, reason);
    this.#loss.next();
    this.#loss.complete();
  }

  /** Notes that this worker has given the lease up, or taken it again. */
  end(): void {
    this.#close();
    this.#loss.complete();
  }

  /** Whether a row names this worker as the holder, and as the owner itself or the worker that is known to ask. */
  #isNamed(row: LeaseRow): boolean {
    const { workerId } = this.#tenancy;
    return holderOf(row) === workerId && (row.leaseOwner === workerId || row.leaseOwner === this.#nextOwner);
  }

  #hold(attempt: Attempt): void {
    this.#current = attempt;
    attempt.onOver = () => this.lose('expired');
    // The reply came after the time for which the write renews the lease.
    if (attempt.isOver) this.lose('expired');
  }

  #close(): void {
    this.#isOpen = false;
    this.#current.end();
    this.#firstUnsure?.end();
    this.#asked.complete();
    this.#pulse.leave(this);
  }
}

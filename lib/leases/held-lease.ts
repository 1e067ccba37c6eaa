import { AsyncSubject, type Observable, type SchedulerLike, type Subscription } from 'rxjs';
import { delayOf } from '../internal/delay.js';
import { comparePositions, type Position } from '../values/position.js';
import type { ShardName } from '../values/shard-id.js';
import { holderOf, type LeaseRow } from './lease.js';
import type { StoredCheckpoint } from './lease-updates.js';
import { Throughput } from './throughput.js';

/** Why a lease was lost: another worker has it, it could not be renewed in time, or it was not handed over in time. */
export type LossReason = 'taken' | 'expired' | 'handOverTimeout';

/** How a worker holds its leases. */
export interface Tenancy {
  readonly workerId: string;
  /** For how long after its last renewal was sent a lease is held, in ms: less than the failover time. */
  readonly fenceMs: number;
  readonly scheduler: SchedulerLike;
  /** Told of each loss, before the lease's `lost$`. */
  readonly onLost: (lease: HeldLease, reason: LossReason) => void;
}

/** The time that a write renews a lease for, from when it is sent. */
export class Attempt {
  isOver = false;
  /** Told when the time is over. */
  onOver: () => void = () => undefined;
  readonly #timer: Subscription;

  constructor({ fenceMs, scheduler }: Pick<Tenancy, 'fenceMs' | 'scheduler'>) {
    const end = (): void => {
      this.isOver = true;
      this.onOver();
    };
    this.#timer = delayOf(fenceMs, scheduler).subscribe({ next: end, error: end });
  }

  end(): void {
    this.#timer.unsubscribe();
  }
}

/**
 * What this worker knows of a lease from when it took it until the lease is lost, released or taken anew.
 *
 * @remarks
 * The time that it is held is kept by a timer from the moment at which the last successful write was sent: a timer is not moved by a
 * clock that is set, and one that was due while the process stood still fires first of all.
 */
export class HeldLease {
  readonly name: ShardName;
  /** What a row that is deleted meanwhile is made anew with. */
  readonly origin: Pick<LeaseRow, 'hashKeyRange' | 'parentShardIds'>;
  /** The counter with which the tenure began. */
  readonly fencingToken: string;
  /** When it was taken, by the scheduler. */
  readonly sinceMs: number;
  /** Emits once if the lease is lost; completes without a value when the tenure ends otherwise. */
  readonly lost$: Observable<void>;
  /** Emits once when another worker asks for it. */
  readonly asked$: Observable<void>;
  /** Ticks of the renewal since the last write. */
  idleTicks = 0;
  /** How often its renewal has failed since then, and the ticks to let pass before the next try. */
  failures = 0;
  waitTicks = 0;
  /** Ticks since it was asked for. */
  askedTicks = 0;

  /** The row's counter after this worker's last write that is known to have succeeded. */
  #counter: number;
  /** The row's checkpoint after that write. */
  #stored: StoredCheckpoint;
  /** Checkpoints sent since that write whose outcome is unknown. At most one of them can have been stored. */
  #unsure: StoredCheckpoint[] = [];
  /** The first of those attempts: any of them may be the one that succeeded. */
  #firstUnsure: Attempt | undefined;
  #isOpen = true;
  #nextOwner: string | undefined;
  #isHandingOver = false;
  #current: Attempt;
  readonly #tenancy: Tenancy;
  readonly #throughput: Throughput;
  readonly #loss = new AsyncSubject<void>();
  readonly #asked = new AsyncSubject<void>();

  /** @param row - as this worker left it when it took the lease. @param attempt - the write that took it. */
  constructor(row: LeaseRow, streamName: string, tenancy: Tenancy, attempt: Attempt) {
    this.name = { streamName, shardId: row.leaseKey };
    this.origin = { parentShardIds: row.parentShardIds, hashKeyRange: row.hashKeyRange };
    this.fencingToken = String(row.leaseCounter);
    this.sinceMs = tenancy.scheduler.now();
    this.#throughput = new Throughput(this.sinceMs);
    this.#counter = row.leaseCounter;
    this.#stored = { ...row.checkpoint, progress: row.progress };
    this.#tenancy = tenancy;
    this.lost$ = this.#loss.asObservable();
    this.asked$ = this.#asked.asObservable();
    this.#current = attempt;
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

  /** What the row says of the records beyond its checkpoint and the blocks before it. */
  get progress(): string | undefined {
    return this.#stored.progress;
  }

  /** Whether this worker may still write. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Whether the row says that it is being handed over. */
  get isHandingOver(): boolean {
    return this.#isHandingOver;
  }

  /** Who has asked for it. */
  get nextOwner(): string | undefined {
    return this.#nextOwner;
  }

  /** Takes the payload bytes that were read of the shard. */
  noteRead(bytes: number): void {
    this.#throughput.note(bytes);
  }

  /** What a write may say of the shard's load; nothing more often than leases are renewed. */
  reckonLoad(): { readonly throughputKBps?: number } {
    const { scheduler, fenceMs } = this.#tenancy;
    const throughputKBps = this.#throughput.reckon(scheduler.now(), fenceMs / 3);
    return throughputKBps === undefined ? {} : { throughputKBps };
  }

  /** Before a write is sent: should its reply be lost, the row will show whether it was made. */
  sending(checkpoint: StoredCheckpoint = this.#stored): Attempt {
    if (!this.#unsure.some((sent) => comparePositions(sent, checkpoint) === 0)) this.#unsure.push(checkpoint);
    const attempt = new Attempt(this.#tenancy);
    this.#firstUnsure ??= attempt;
    return attempt;
  }

  /** After the reply to a write, or when nobody waits for it any more. */
  answered(attempt: Attempt): void {
    if (attempt !== this.#current && attempt !== this.#firstUnsure) attempt.end();
  }

  /** After this worker's write of the row. */
  wrote(attempt: Attempt, checkpoint: StoredCheckpoint = this.#stored, leaseCounter = this.#counter + 1): void {
    this.#counter = leaseCounter;
    this.#stored = checkpoint;
    this.#unsure = [];
    if (this.#firstUnsure !== attempt) this.#firstUnsure?.end();
    this.#firstUnsure = undefined;
    this.idleTicks = 0;
    this.failures = 0;
    this.waitTicks = 0;
    if (!this.#isOpen) return attempt.end();
    this.#current.end();
    this.#hold(attempt);
  }

  /**
   * After a write whose condition failed: whether the row is as an earlier request of this tenure left it, whose reply was lost, or whether
   * another worker only asks for the lease. The tenure then goes on from there.
   *
   * @remarks
   * All requests of unknown outcome had the same counter in their condition. So the counter went up by exactly 1, and the checkpoint is one
   * of those that were sent.
   */
  adopt(row: LeaseRow | undefined): boolean {
    if (!row || holderOf(row) !== this.#tenancy.workerId) return false;
    if (row.leaseCounter !== this.#counter) {
      if (row.leaseCounter !== this.#counter + 1) return false;
      if (!this.#firstUnsure || !this.#unsure.some((sent) => comparePositions(sent, row.checkpoint) === 0)) return false;
      this.wrote(this.#firstUnsure, { ...row.checkpoint, progress: row.progress });
    }
    this.look(row);
    return this.#isOpen;
  }

  /** Sees in the row of this tenure whether another worker asks for the lease. */
  look({ checkpointOwner, leaseOwner }: Pick<LeaseRow, 'checkpointOwner' | 'leaseOwner'>): void {
    this.#isHandingOver = checkpointOwner !== undefined;
    this.#nextOwner = this.#isHandingOver ? leaseOwner : undefined;
    if (this.#nextOwner === undefined) return;
    this.#asked.next();
    this.#asked.complete();
  }

  /** Sees the row as a look at the table shows it, which may be behind. */
  see(row: LeaseRow): void {
    const isMine = holderOf(row) === this.#tenancy.workerId;
    if (isMine && row.leaseCounter === this.#counter) this.look(row);
    // Only a refused write proves that it is lost: let that be soon.
    if (!isMine && row.leaseCounter > this.#counter) this.idleTicks = Infinity;
  }

  /** The lease is no longer this worker's. */
  lose(reason: LossReason): void {
    if (!this.#isOpen) return;
    this.#close();
    this.#tenancy.onLost(this, reason);
    this.#loss.next();
    this.#loss.complete();
  }

  /** This worker has given the lease up, or taken it anew. */
  end(): void {
    this.#close();
    this.#loss.complete();
  }

  #hold(attempt: Attempt): void {
    this.#current = attempt;
    attempt.onOver = () => this.lose('expired');
    // The reply came after the time that it was to bring.
    if (attempt.isOver) this.lose('expired');
  }

  #close(): void {
    this.#isOpen = false;
    this.#current.end();
    this.#firstUnsure?.end();
    this.#asked.complete();
  }
}

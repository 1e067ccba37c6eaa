import { Attempt, type AttemptTimes } from './attempt.js';
import { TICKS_TO_RENEWAL } from './ticks.js';

/** After so many ticks since it was sent a pulse is late: its renewal was due, and a good part of the time is left for another row. */
const LATE_TICKS = TICKS_TO_RENEWAL + 2;

/** The part of a held lease that the pulse needs. */
interface PulsedLease {
  readonly shardId: string;
  readonly isOpen: boolean;
  /** How often its renewal has failed since its last write. */
  readonly failures: number;
  /** `Infinity`: it is to be written soon. */
  idleTicks: number;
  lose(reason: 'expired'): void;
}

/**
 * A worker's sign of life for all its leases: each renewal or checkpoint of one row of it, whose attribute `pulse` then has the number of the counter.
 *
 * @remarks
 * Others read that row alone, rather than scan the table. They rely on this promise: **all leases of the worker end, at the latest, when the
 * time of its last successful pulse is over**, which runs from when the write was sent and is shorter than the failover time. So a pulse that
 * stood still for longer means that the worker holds nothing.
 *
 * The pulse is in the open row with the lowest key. When a write of that row fails or is late, or the row is lost or given up, every write of a
 * lease is a pulse until one succeeds: so one bad row, or one whose shard takes long to end, does not cost the other leases. A worker without
 * leases has no pulse.
 */
export class Pulse<L extends PulsedLease> {
  /** Changes whenever all leases have ended: what was asked for before is under no pulse. */
  era = 0;
  readonly #times: AttemptTimes;
  readonly #leases = new Set<L>();
  /** The lease whose row has the pulse. */
  #lease: L | undefined;
  /** The last pulse. */
  #last: Attempt | undefined;
  #ticks = 0;

  constructor(times: AttemptTimes) {
    this.#times = times;
  }

  /** The leases that the worker holds now. */
  get leases(): ReadonlySet<L> {
    return this.#leases;
  }

  /** A write that is about to be sent: of a lease that is held, or, without one, of a lease that is to be taken. */
  attempt(lease?: L): Attempt {
    // The first lease brings the pulse with it: nobody may find a lease of a worker whose pulse has stood still since an earlier life.
    return new Attempt(this.#times, lease ? this.#isCarriedBy(lease) : !this.isPlaced, this.#ticks);
  }

  /** Whether a row has the pulse now. */
  get isPlaced(): boolean {
    return this.#lease !== undefined;
  }

  /** Notes that a lease is held. */
  join(lease: L): void {
    this.#leases.add(lease);
  }

  /** Notes that time has passed. */
  tick(ticks: number): void {
    this.#ticks += ticks;
    if (this.#lease && this.#last && this.#ticks - this.#last.tick >= LATE_TICKS) this.#move();
  }

  /** Notes that a pulse has succeeded. */
  beat(lease: L, attempt: Attempt): void {
    // The pulse may have gone to another row since this write was sent.
    if (!lease.isOpen || !this.#isCarriedBy(lease)) return;
    const before = this.#last;
    this.#lease = lease;
    this.#last = attempt;
    attempt.fence(() => this.#expire());
    before?.fence(undefined);
  }

  /** Notes that a write of this lease has failed, which may have been a pulse. */
  miss(lease: L): void {
    if (lease === this.#lease) this.#move();
  }

  /** Notes that this lease is held no more. */
  leave(lease: L): void {
    this.#leases.delete(lease);
    if (this.#leases.size === 0) this.#end();
    else this.miss(lease);
  }

  /** Whether the writes that keep this lease are pulses. */
  #isCarriedBy({ shardId }: Pick<PulsedLease, 'shardId'>): boolean {
    return !this.#lease || shardId <= this.#lease.shardId;
  }

  /** Has the pulse written soon in another row, or in whichever is written first. */
  #move(): void {
    const failed = this.#lease;
    this.#lease = undefined;
    let best: L | undefined;
    for (const lease of this.#leases) if (lease !== failed && (!best || isBetter(lease, best))) best = lease;
    if (best) best.idleTicks = Infinity;
  }

  #expire(): void {
    this.#end();
    for (const lease of [...this.#leases]) lease.lose('expired');
  }

  #end(): void {
    this.era += 1;
    this.#lease = undefined;
    this.#last?.fence(undefined);
    this.#last = undefined;
  }
}

/** Whether the pulse goes to this lease rather than to another one. */
function isBetter(lease: PulsedLease, other: PulsedLease): boolean {
  return lease.failures === other.failures ? lease.shardId < other.shardId : lease.failures < other.failures;
}

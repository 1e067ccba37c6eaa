import type { Attempt } from './attempt.js';

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
 * The pulse is in the open row with the lowest key. When a write of that row fails, or the row is lost or given up, every write of a lease is a
 * pulse until one succeeds: so one bad row does not cost the other leases. A worker without leases has no pulse.
 */
export class Pulse {
  /** Changes whenever all leases have ended: what was asked for before is under no pulse. */
  era = 0;
  readonly #open: () => readonly PulsedLease[];
  /** The lease whose row has the pulse. */
  #lease: PulsedLease | undefined;
  /** The last pulse. */
  #last: Attempt | undefined;

  /** @param open - the leases that the worker holds now. */
  constructor(open: () => readonly PulsedLease[]) {
    this.#open = open;
  }

  /** Whether a row has the pulse now. */
  get isPlaced(): boolean {
    return this.#lease !== undefined;
  }

  /** Whether the writes that keep this lease are pulses. */
  isCarriedBy({ shardId }: Pick<PulsedLease, 'shardId'>): boolean {
    return !this.#lease || shardId <= this.#lease.shardId;
  }

  /** Notes that a pulse has succeeded. */
  beat(lease: PulsedLease, attempt: Attempt): void {
    // The pulse may have gone to another row since this write was sent.
    if (!lease.isOpen || !this.isCarriedBy(lease)) return;
    const before = this.#last;
    this.#lease = lease;
    this.#last = attempt;
    attempt.fence(() => this.#expire());
    before?.fence(undefined);
  }

  /** Notes that a write of this lease has failed, which may have been a pulse. */
  miss(lease: PulsedLease): void {
    if (lease === this.#lease) this.#move();
  }

  /** Notes that this lease is held no more. */
  leave(lease: PulsedLease): void {
    if (this.#open().length === 0) this.#end();
    else this.miss(lease);
  }

  /** Has the pulse written soon in another row, or in whichever is written first. */
  #move(): void {
    const failed = this.#lease;
    this.#lease = undefined;
    const others = this.#open().filter((lease) => lease !== failed);
    if (others.length > 0) others.reduce((best, lease) => (isBetter(lease, best) ? lease : best)).idleTicks = Infinity;
  }

  #expire(): void {
    this.#end();
    for (const lease of this.#open()) lease.lose('expired');
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

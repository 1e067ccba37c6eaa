import { gracefulHolderOf, isEnded, type LeaseRow } from './lease.js';
import { PulseObserver } from './pulse-observer.js';

/** A lease, and how long it has been seen without renewal. */
export interface ObservedLease {
  readonly row: LeaseRow;
  /** How long this process has seen the counter unchanged, or no pulse of its holder if that is gone, in ms. */
  readonly idleMs: number;
  /** How long this process has seen the pulse of its holder unchanged, in ms; absent if the holder has none. */
  readonly stillMs?: number | undefined;
  /** Whether this process has seen the counter change, or an owner when it first saw the row. */
  readonly wasHeld: boolean;
  /** How long the same hand-over has been seen, in ms; 0 when there is none. */
  readonly handOverMs: number;
  /** While nobody owns the lease: the worker that this process saw as its owner last. */
  readonly formerOwner?: string | undefined;
}

interface Observation {
  row: LeaseRow;
  changedAtMs: number;
  wasHeld: boolean;
  handOverAtMs: number;
  formerOwner?: string | undefined;
}

/**
 * Remembers when it last saw each lease's counter change.
 *
 * @remarks
 * Rows have no times, so workers' clocks need not agree. If a counter stays the same for longer than the failover time, by the observer's
 * own clock, its worker is gone. Pure; one small object a row. Like KCL's taker, it restarts the time when the counter changes, and
 * forgets a row that is gone.
 */
export class LeaseObserver {
  readonly pulses = new PulseObserver();
  readonly #observations = new Map<string, Observation>();
  #unreadable: ReadonlySet<string> = new Set();
  #changes = 0;

  /** Grows whenever a row has been entered or forgotten. */
  get changes(): number {
    return this.#changes;
  }

  /**
   * Enters the whole table as it is at `nowMs`.
   *
   * @param isInView - whether the stream has the shard of a row. Nobody ever takes the lease of one that it has not, or that has ended, so
   * its row may have the last pulse of a worker that has long been gone: such a worker counts only while it holds another row.
   */
  observe(rows: readonly LeaseRow[], nowMs: number, isInView: (row: LeaseRow) => boolean = () => true): void {
    this.#forgetAllBut(rows, nowMs);
    const holders = new Set<string>();
    for (const row of rows) {
      this.note(row, nowMs);
      const holder = isEnded(row) || !isInView(row) ? undefined : gracefulHolderOf(row);
      if (holder !== undefined) holders.add(holder);
    }
    this.pulses.keep(holders);
  }

  /** Enters one row as it is at `nowMs`. */
  note(row: LeaseRow, nowMs: number): void {
    const known = this.#observations.get(row.leaseKey);
    this.#changes += 1;
    this.pulses.note(known?.row, row, nowMs);
    if (!known) {
      this.#observations.set(row.leaseKey, { row, changedAtMs: nowMs, wasHeld: row.leaseOwner !== undefined, handOverAtMs: nowMs });
      return;
    }
    if (row.leaseCounter !== known.row.leaseCounter) {
      known.changedAtMs = nowMs;
      known.wasHeld = true;
    }
    if (row.checkpointOwner !== known.row.checkpointOwner || row.leaseOwner !== known.row.leaseOwner) known.handOverAtMs = nowMs;
    known.formerOwner = row.leaseOwner === undefined ? formerOwnerOf(known) : undefined;
    known.row = row;
  }

  /** Enters the keys of all rows that cannot be read: such a row is there, but what it says is not known. */
  noteUnreadable(keys: ReadonlySet<string>): void {
    this.#unreadable = keys;
  }

  /** Forgets a row that was deleted. */
  forget(leaseKey: string, nowMs: number): void {
    this.pulses.note(this.get(leaseKey), undefined, nowMs);
    this.#observations.delete(leaseKey);
    this.#changes += 1;
  }

  /** How many rows there are, with those that cannot be read. */
  get size(): number {
    return this.#observations.size + this.#unreadable.size;
  }

  /** Whether there is such a row, even if it cannot be read. */
  has(leaseKey: string): boolean {
    return this.#observations.has(leaseKey) || this.#unreadable.has(leaseKey);
  }

  /** The row as it was last seen; `undefined` also if it cannot be read. */
  get(leaseKey: string): LeaseRow | undefined {
    return this.#observations.get(leaseKey)?.row;
  }

  /** How long the pulse of a row's holder has been seen unchanged, in ms; `undefined` if it has none. */
  stillMs(row: LeaseRow, nowMs: number): number | undefined {
    const holder = gracefulHolderOf(row);
    return holder === undefined ? undefined : this.pulses.stillMs(holder, nowMs);
  }

  /** One row, with the time since its last change at `nowMs`. */
  leaseOf(leaseKey: string, nowMs: number): ObservedLease | undefined {
    const observation = this.#observations.get(leaseKey);
    return observation && this.#observed(observation, nowMs);
  }

  /** All rows, in the order in which they were first seen. */
  rows(): LeaseRow[] {
    return [...this.#observations.values()].map(({ row }) => row);
  }

  /** All rows, with the time since their last change at `nowMs`. */
  leases(nowMs: number): ObservedLease[] {
    return [...this.#observations.values()].map((observation) => this.#observed(observation, nowMs));
  }

  #forgetAllBut(rows: readonly LeaseRow[], nowMs: number): void {
    let known = 0;
    for (const { leaseKey } of rows) if (this.#observations.has(leaseKey)) known++;
    if (known === this.#observations.size) return;
    const keys = new Set(rows.map(({ leaseKey }) => leaseKey));
    for (const key of this.#observations.keys()) if (!keys.has(key)) this.forget(key, nowMs);
  }

  #observed({ row, changedAtMs, wasHeld, handOverAtMs, formerOwner }: Observation, nowMs: number): ObservedLease {
    const holder = gracefulHolderOf(row);
    const isHandOver = row.checkpointOwner !== undefined;
    return {
      row,
      // During a hand-over a worker of KCL 2.x may have taken the lease from the holder that the row names: then it renews the row.
      idleMs: Math.max(nowMs - changedAtMs, holder === undefined || isHandOver ? 0 : this.pulses.silentMs(holder)),
      stillMs: this.stillMs(row, nowMs),
      wasHeld,
      handOverMs: isHandOver ? nowMs - handOverAtMs : 0,
      formerOwner,
    };
  }
}

/** Who owned a lease that has no owner any more. The next owner of a hand-over never had it. */
function formerOwnerOf({ row: { leaseOwner, checkpointOwner }, formerOwner }: Observation): string | undefined {
  return checkpointOwner ?? leaseOwner ?? formerOwner;
}

/** Whether a lease may be taken: nobody owns it, or its owner has not renewed it for longer than the failover time. */
export function isAvailable({ row, idleMs }: ObservedLease, failoverTimeMs: number): boolean {
  return row.leaseOwner === undefined || idleMs > failoverTimeMs;
}

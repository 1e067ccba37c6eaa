import { gracefulHolderOf, type LeaseRow } from './lease.js';

/** What was seen of one worker's pulse. */
interface SeenPulse {
  /** The keys of the rows whose last write was a pulse. There are several for a short time, after the pulse has moved. */
  readonly keys: Set<string>;
  /** When any pulse of the worker was seen to change; or when it may have, unseen. */
  changedAtMs: number;
  /** For how long the pulse had stood still when that was last confirmed; 0: that was not longer than the failover time. */
  silentMs: number;
}

/**
 * Remembers when it last saw the pulse of each worker change.
 *
 * @remarks
 * A pulse that stands still for longer than the failover time by the observer's own clock means that its worker holds no lease any more, see
 * {@link Pulse}, if all rows of the worker were read consistently after that time: the pulse may have moved to another one. If a row of the
 * worker goes to somebody else, a pulse may have been written to it unseen, unless the counter went up by 1 only; then the time begins anew.
 * Pure; one small object a worker.
 */
export class PulseObserver {
  readonly #pulses = new Map<string, SeenPulse>();

  /** Enters a change of a row, seen at `nowMs`; a row that is new, or gone, is `undefined` before, or after. */
  note(before: LeaseRow | undefined, after: LeaseRow | undefined, nowMs: number): void {
    const former = before && gracefulHolderOf(before);
    const holder = after && gracefulHolderOf(after);
    if (before && former !== undefined && former !== holder)
      this.#lose(former, before.leaseKey, after?.leaseCounter === before.leaseCounter + 1, nowMs);
    if (!after || holder === undefined) return;
    this.#see(holder, after, nowMs);
    const pulse = this.#pulses.get(holder);
    if (!pulse || after.pulse === undefined || (former === holder && before?.pulse === after.pulse)) return;
    pulse.changedAtMs = nowMs;
    pulse.silentMs = 0;
  }

  /** Forgets all workers but these. */
  keep(holders: ReadonlySet<string>): void {
    for (const worker of this.#pulses.keys()) if (!holders.has(worker)) this.#pulses.delete(worker);
  }

  /** Draws the conclusion from a consistent look at all rows, asked for at `askedAtMs`; `undefined`: from another one none can be drawn. */
  confirm(askedAtMs: number | undefined, failoverTimeMs: number): void {
    for (const pulse of this.#pulses.values()) {
      const stillMs = askedAtMs === undefined ? 0 : askedAtMs - pulse.changedAtMs;
      pulse.silentMs = stillMs > failoverTimeMs ? stillMs : 0;
    }
  }

  /** For how long the worker's pulse had stood still at the last look, if that was longer than the failover time; otherwise 0. */
  silentMs(worker: string): number {
    return this.#pulses.get(worker)?.silentMs ?? 0;
  }

  /** For how long the worker's pulse has stood still at `nowMs`; `undefined` if no row has it now. */
  stillMs(worker: string, nowMs: number): number | undefined {
    const pulse = this.#pulses.get(worker);
    return pulse && pulse.keys.size > 0 ? nowMs - pulse.changedAtMs : undefined;
  }

  /** How long the pulse of any worker but this one has stood still at most. */
  longestStillMs(workerId: string, nowMs: number): number {
    return Math.max(0, ...this.#stillMs(workerId, nowMs));
  }

  /** Until the next pulse of another worker has stood still for longer than the failover time; `Infinity`: all have already. */
  leftMs(workerId: string, nowMs: number, failoverTimeMs: number): number {
    const leftMs = this.#stillMs(workerId, nowMs).map((stillMs) => failoverTimeMs + 1 - stillMs);
    return Math.min(Infinity, ...leftMs.filter((ms) => ms > 0));
  }

  /** The keys of the rows that have the pulses of all workers but this one. */
  keys(workerId: string): string[] {
    return [...this.#pulses].flatMap(([worker, { keys }]) => (worker === workerId ? [] : [...keys]));
  }

  #stillMs(workerId: string, nowMs: number): number[] {
    return [...this.#pulses].flatMap(([worker, { changedAtMs }]) => (worker === workerId ? [] : [nowMs - changedAtMs]));
  }

  #lose(worker: string, key: string, isByOneWrite: boolean, nowMs: number): void {
    const pulse = this.#pulses.get(worker);
    if (!pulse) return;
    pulse.keys.delete(key);
    // The one write was that of the next owner.
    if (isByOneWrite) return;
    pulse.changedAtMs = nowMs;
    pulse.silentMs = 0;
    if (pulse.keys.size === 0) this.#pulses.delete(worker);
  }

  #see(worker: string, { leaseKey, leaseCounter, pulse: at }: LeaseRow, nowMs: number): void {
    const pulse = this.#pulses.get(worker);
    if (at === leaseCounter) {
      if (pulse) pulse.keys.add(leaseKey);
      else this.#pulses.set(worker, { keys: new Set([leaseKey]), changedAtMs: nowMs, silentMs: 0 });
    } else if (pulse?.keys.delete(leaseKey) && pulse.keys.size === 0) this.#pulses.delete(worker);
  }
}

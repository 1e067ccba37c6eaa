import { AsyncSubject, type Observable } from 'rxjs';
import { comparePositions, type Position } from '../values/position.js';
import type { LeaseRow } from './lease-row.js';

/** What this worker knows of a lease from when it took it until the lease is lost, released or taken anew. */
export class HeldLease {
  /** Emits once if the lease is lost; completes without a value when the tenure ends otherwise. */
  readonly lost$: Observable<void>;

  /** The row's counter after this worker's last write that is known to have succeeded. */
  #counter: number;
  /** The row's checkpoint after that write. */
  #stored: Position;
  /** Checkpoints sent since that write whose outcome is unknown. At most one of them can have been stored. */
  #unsure: Position[] = [];
  #isOpen = true;
  readonly #workerId: string;
  readonly #loss = new AsyncSubject<void>();

  /** @param row - as this worker left it when it took the lease. */
  constructor(row: Pick<LeaseRow, 'leaseCounter' | 'checkpoint'>, workerId: string) {
    this.#counter = row.leaseCounter;
    this.#stored = row.checkpoint;
    this.#workerId = workerId;
    this.lost$ = this.#loss.asObservable();
  }

  get leaseCounter(): number {
    return this.#counter;
  }

  get checkpoint(): Position {
    return this.#stored;
  }

  /** Whether this worker may still write. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Before a checkpoint is sent: should its reply be lost, the row will show whether it was stored. */
  sending(checkpoint: Position): void {
    if (!this.#unsure.some((sent) => comparePositions(sent, checkpoint) === 0)) this.#unsure.push(checkpoint);
  }

  /** After this worker's write of the row. */
  wrote(checkpoint: Position): void {
    this.#counter += 1;
    this.#stored = checkpoint;
    this.#unsure = [];
  }

  /**
   * After a write whose condition failed: whether the row is as an earlier request of this tenure left it, whose reply
   * was lost. The tenure then goes on from there.
   *
   * @remarks
   * All requests of unknown outcome had the same counter in their condition. So the counter went up by exactly 1, and
   * the checkpoint is one of those that were sent: a second process with this worker's id, taking the lease, would have
   * left the checkpoint as it was.
   */
  adopt(row: LeaseRow | undefined): boolean {
    const owner = row?.checkpointOwner ?? row?.leaseOwner;
    if (!row || owner !== this.#workerId || row.leaseCounter !== this.#counter + 1) return false;
    if (!this.#unsure.some((sent) => comparePositions(sent, row.checkpoint) === 0)) return false;
    this.wrote(row.checkpoint);
    return true;
  }

  /** Another worker holds the lease. */
  lose(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#loss.next();
    this.#loss.complete();
  }

  /** This worker has given the lease up, or taken it anew. */
  end(): void {
    this.#isOpen = false;
    this.#loss.complete();
  }
}

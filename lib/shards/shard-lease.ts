import { catchError, defer, EMPTY, from, ignoreElements, of, take, tap, type Observable, type Subscription } from 'rxjs';
import { isLeasing, type Lease } from '../checkpoints/checkpoint-store.js';
import type { TrackedShard } from '../tracking/tracked-shard.js';

/** This worker's tenure of one shard, where the store gives leases. */
export class ShardLease {
  readonly #account: TrackedShard;
  #lease: Lease | undefined;
  #watch: Subscription | undefined;

  constructor(account: TrackedShard) {
    this.#account = account;
  }

  /** Whether the shard must be taken before it is read. */
  get isNeeded(): boolean {
    const { store } = this.#account.checkpointer;
    return store !== undefined && isLeasing(store);
  }

  /** Whether there is something to give up. */
  get isHeld(): boolean {
    return this.#lease !== undefined && !this.#account.isLost;
  }

  /** The token of the tenure, once that has begun. */
  get fencingToken(): string | undefined {
    return this.#lease?.fencingToken;
  }

  /** Emits once, when this worker owns the shard. From then on a loss is noted in the account, whatever else goes on. */
  take(): Observable<unknown> {
    const { checkpointer, identity: shard } = this.#account;
    const { store } = checkpointer;
    if (!store || !isLeasing(store) || this.#lease) return of(this.#lease);
    return defer(() => from(store.take(shard))).pipe(
      take(1),
      tap((lease) => this.#hold(lease)),
    );
  }

  /** Gives the shard up, if it is held. That fails at most in letting the next worker wait. */
  release(): Observable<never> {
    const { checkpointer, identity: shard } = this.#account;
    const { store } = checkpointer;
    this.#watch?.unsubscribe();
    if (!this.isHeld || !store || !isLeasing(store)) return EMPTY;
    return defer(() => from(store.release(shard))).pipe(
      ignoreElements(),
      catchError(() => EMPTY),
    );
  }

  #hold(lease: Lease): void {
    this.#lease = lease;
    this.#watch = from(lease.lost$).subscribe({ next: () => this.#account.lose(), error: () => undefined });
  }
}

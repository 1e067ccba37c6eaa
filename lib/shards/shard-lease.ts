import { catchError, defer, EMPTY, from, ignoreElements, NEVER, ReplaySubject, type Observable, type Subscription } from 'rxjs';
import type { Lease, LeasingStore } from '../checkpoints/checkpoint-store.js';
import type { ShardIdentity } from '../values/shard-id.js';

/** This worker's lease of one shard, from its grant until it is lost or released. */
export class ShardLease {
  readonly fencingToken: string;
  /** Emits when another worker asks for the shard; replays to late subscribers. */
  readonly asked$: Observable<unknown>;
  readonly #store: LeasingStore;
  readonly #watch: Subscription;
  #isLost = false;
  #onLost: () => void = () => undefined;

  constructor(lease: Lease, store: LeasingStore) {
    this.fencingToken = lease.fencingToken;
    this.#store = store;
    const asked$ = new ReplaySubject<unknown>(1);
    this.asked$ = asked$;
    this.#watch = from(lease.lost$).subscribe({ next: () => this.#lose(), error: () => undefined });
    this.#watch.add(from(lease.asked$ ?? NEVER).subscribe({ next: (value) => asked$.next(value), error: () => undefined }));
  }

  /** Whether another worker holds it now. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** Calls `onLost` when the lease is lost, at once if it is lost already. */
  watch(onLost: () => void): void {
    this.#onLost = onLost;
    if (this.#isLost) onLost();
  }

  /** Another worker holds it, as a refused write tells. */
  noteLost(): void {
    this.#isLost = true;
  }

  /** Gives the shard up, if it is held. A failure only makes the next worker wait. */
  release(shard: ShardIdentity): Observable<never> {
    this.#watch.unsubscribe();
    if (this.#isLost) return EMPTY;
    return defer(() => from(this.#store.release(shard))).pipe(
      ignoreElements(),
      catchError(() => EMPTY),
    );
  }

  #lose(): void {
    this.#isLost = true;
    this.#onLost();
  }
}

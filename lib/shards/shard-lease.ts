import { catchError, EMPTY, from, type Observable, type Subscription } from 'rxjs';
import type { Lease, LeasingStore } from '../checkpoints/checkpoint-store.js';
import { releaseLease } from '../checkpoints/store-calls.js';
import { retryWithBackOff } from '../internal/back-off.js';
import type { ShardIdentity } from '../values/shard-id.js';
import type { ResolvedShardConfig } from './config.js';

/** This worker's lease of one shard, from its grant until it is lost or released. */
export class ShardLease {
  readonly fencingToken: string;
  readonly #store: LeasingStore;
  readonly #watch: Subscription;
  #isLost = false;
  #onLost: () => void = () => undefined;

  constructor(lease: Lease, store: LeasingStore) {
    this.fencingToken = lease.fencingToken;
    this.#store = store;
    this.#watch = from(lease.lost$).subscribe({ next: () => this.#lose(), error: () => undefined });
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

  /**
   * Gives the shard up, if it is held. A store that fails is asked again, with an event each time; in the end a failure only makes the
   * next worker wait until the lease expires.
   */
  release(shard: ShardIdentity, config: ResolvedShardConfig): Observable<never> {
    this.#watch.unsubscribe();
    if (this.#isLost) return EMPTY;
    const { notify, retry } = config;
    const { streamName, shardId } = shard;
    return releaseLease(this.#store, shard, config).pipe(
      retryWithBackOff({
        ...retry,
        notify: (attempt) => notify({ type: 'storeRetry', streamName, shardId, reason: 'transient', ...attempt }),
      }),
      catchError(() => EMPTY),
    );
  }

  #lose(): void {
    this.#isLost = true;
    this.#onLost();
  }
}

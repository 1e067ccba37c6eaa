import { catchError, EMPTY, from, NEVER, ReplaySubject, type Observable, type Subscription } from 'rxjs';
import type { Lease, LeasingStore } from '../checkpoints/checkpoint-store.js';
import { releaseLease } from '../checkpoints/store-calls.js';
import { retryWithBackOff } from '../internal/back-off.js';
import type { ShardIdentity } from '../values/shard-id.js';
import type { ResolvedShardConfig } from './config.js';

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

  /** Whether the lease is lost. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** Calls `onLost` when the lease is lost, at once if it is lost already. */
  watch(onLost: () => void): void {
    this.#onLost = onLost;
    if (this.#isLost) onLost();
  }

  /** Notes that the lease is lost, since the store has refused a write. */
  noteLost(): void {
    this.#isLost = true;
  }

  /**
   * Releases the lease, unless it is lost. Retries when the store fails, with an event each time. Never errors: if all retries fail, the
   * next worker only has to wait until the lease expires.
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

import { EMPTY, from, NEVER, ReplaySubject, takeUntil, type Observable, type Subscription } from 'rxjs';
import type { Lease, LeasingStore } from '../checkpoints/checkpoint-store.js';
import { releaseLease } from '../checkpoints/store-calls.js';
import { delayOf } from '../internal/delay.js';
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
   * Gives the shard up, if it is held. A store that fails is asked again, with an event each time, for most of `stopTimeoutMs`:
   * in the end a failure only makes the next worker wait until the lease expires, which is no reason for `stop` to fail.
   */
  release(shard: ShardIdentity, config: ResolvedShardConfig): Observable<never> {
    this.#watch.unsubscribe();
    if (this.#isLost) return EMPTY;
    const { notify, retry, stopTimeoutMs, scheduler } = config;
    const { streamName, shardId } = shard;
    return releaseLease(this.#store, shard, config).pipe(
      retryWithBackOff({
        ...retry,
        maxRetries: Infinity,
        notify: (attempt) => notify({ type: 'storeRetry', streamName, shardId, reason: 'transient', ...attempt }),
      }),
      takeUntil(delayOf(stopTimeoutMs * PATIENCE, scheduler)),
    );
  }

  #lose(): void {
    this.#isLost = true;
    this.#onLost();
  }
}

/** The part of `stopTimeoutMs` for which a release is tried: after it `stop` still ends in time. */
const PATIENCE = 0.8;

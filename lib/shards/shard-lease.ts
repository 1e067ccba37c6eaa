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
  readonly #asked$ = new ReplaySubject<unknown>(1);
  #lease: Lease;
  #watch: Subscription;
  #isLost = false;
  #isReleased = false;
  #onLost: () => void = () => undefined;

  constructor(lease: Lease, store: LeasingStore) {
    this.fencingToken = lease.fencingToken;
    this.#store = store;
    this.asked$ = this.#asked$.asObservable();
    this.#lease = lease;
    this.#watch = this.#follow(lease);
  }

  /** Whether the lease is neither lost nor released. */
  get isHeld(): boolean {
    return !this.#isLost && !this.#isReleased;
  }

  /**
   * Continues under another grant of the same shard, which the store made before this one was lost or released. The fencing token stays, since no
   * other worker had the shard in between.
   */
  adopt(lease: Lease): void {
    this.#watch.unsubscribe();
    this.#lease = lease;
    this.#watch = this.#follow(lease);
  }

  /** Takes the payload bytes of each page. */
  noteRead(bytes: number): void {
    this.#lease.noteRead?.(bytes);
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
   * Releases the lease, unless it is lost. When the store fails it retries, with an event each time, for most of `stopTimeoutMs`. Never errors:
   * in the end a failure only makes the next worker wait until the lease expires, which is no reason for `stop` to fail.
   */
  release(shard: ShardIdentity, config: ResolvedShardConfig): Observable<never> {
    this.#watch.unsubscribe();
    this.#isReleased = true;
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

  #follow({ lost$, asked$ = NEVER }: Lease): Subscription {
    const watch = from(lost$).subscribe({ next: () => this.#lose(), error: () => undefined });
    watch.add(from(asked$).subscribe({ next: (value) => this.#asked$.next(value), error: () => undefined }));
    return watch;
  }

  #lose(): void {
    this.#isLost = true;
    this.#onLost();
  }
}

/** The part of `stopTimeoutMs` for which a release is tried: after it `stop` still ends in time. */
const PATIENCE = 0.8;

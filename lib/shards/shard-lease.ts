import { EMPTY, from, NEVER, ReplaySubject, takeUntil, type Observable, type Subscription } from 'rxjs';
import type { Lease, LeasingStore } from '../checkpoints/checkpoint-store.js';
import { releaseLease } from '../checkpoints/store-calls.js';
import { delayOf } from '../internal/delay.js';
import { retryWithBackOff } from '../internal/back-off.js';
import { Tenure } from '../tracking/tenure.js';
import type { ShardIdentity } from '../values/shard-id.js';
import { PATIENCE, type ResolvedShardConfig } from './config.js';

/** This worker's lease of one shard, from its grant until it is lost or released. */
export class ShardLease {
  readonly fencingToken: string;
  /** Whether the lease is held; the shard's state has it too while the shard is read. */
  readonly tenure = new Tenure();
  /** Emits when another worker asks for the shard; replays to late subscribers. */
  readonly asked$: Observable<unknown>;
  readonly #store: LeasingStore;
  readonly #asked$ = new ReplaySubject<unknown>(1);
  #lease: Lease;
  #watch: Subscription;

  constructor(lease: Lease, store: LeasingStore) {
    this.fencingToken = lease.fencingToken;
    this.#store = store;
    this.asked$ = this.#asked$.asObservable();
    this.#lease = lease;
    this.#watch = this.#follow(lease);
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

  /**
   * Releases the lease, unless it is lost. When the store fails it retries, with an event each time, for most of `stopTimeoutMs`. Never errors:
   * in the end a failure only makes the next worker wait until the lease expires, which is no reason for `stop` to fail.
   *
   * @param isInUse - whether somebody still works on the shard, who must end before the lease does.
   */
  release(shard: ShardIdentity, config: ResolvedShardConfig, isInUse = false): Observable<never> {
    this.#watch.unsubscribe();
    if (this.tenure.isLost) return EMPTY;
    this.tenure.release(isInUse);
    const { notify, retry, stopTimeoutMs, scheduler } = config;
    const { streamName, shardId } = shard;
    return releaseLease(this.#store, shard, this.#lease, config).pipe(
      retryWithBackOff(() => ({
        ...retry,
        maxRetries: Infinity,
        notify: (attempt) => notify({ type: 'storeRetry', streamName, shardId, reason: 'transient', ...attempt }),
      })),
      takeUntil(delayOf(stopTimeoutMs * PATIENCE, scheduler)),
    );
  }

  #follow({ lost$, asked$ = NEVER }: Lease): Subscription {
    const watch = from(lost$).subscribe({ next: () => this.tenure.lose(), error: () => undefined });
    const ask = (value: unknown): void => {
      this.tenure.ask();
      this.#asked$.next(value);
    };
    watch.add(from(asked$).subscribe({ next: ask, error: () => undefined }));
    return watch;
  }
}

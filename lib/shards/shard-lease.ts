import { catchError, concat, defer, EMPTY, from, ignoreElements, of, tap, type Observable, type Subscription } from 'rxjs';
import type { Lease, LeasingStore } from '../checkpoints/checkpoint-store.js';
import { retryWithBackOff } from '../internal/back-off.js';
import { answeredWithin } from '../internal/request-timeout.js';
import type { EventSink } from '../monitoring/events.js';
import type { ShardIdentity, ShardName } from '../values/shard-id.js';
import type { ResolvedShardConfig } from './config.js';

/** This worker's lease of one shard, from its grant until it is lost or released. */
export class ShardLease {
  readonly fencingToken: string;
  readonly #store: LeasingStore;
  readonly #watch: Subscription;
  #isLost = false;
  #onLost: () => void = () => undefined;
  readonly #tell: (type: 'leaseGranted' | 'leaseLost' | 'leaseReleased') => void;

  constructor(lease: Lease, store: LeasingStore, { streamName, shardId }: ShardName, notify: EventSink) {
    const { fencingToken } = lease;
    this.fencingToken = fencingToken;
    this.#store = store;
    this.#tell = (type) => notify({ type, streamName, shardId, fencingToken });
    this.#tell('leaseGranted');
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
    if (this.#isLost) return;
    this.#isLost = true;
    this.#tell('leaseLost');
  }

  /**
   * Gives the shard up, if it is held. A store that fails is asked again, with an event each time; in the end a failure only makes the
   * next worker wait until the lease expires.
   */
  release(shard: ShardIdentity, { notify, retry, requestTimeoutMs, scheduler }: ResolvedShardConfig): Observable<never> {
    this.#watch.unsubscribe();
    if (this.#isLost) return EMPTY;
    const { streamName, shardId } = shard;
    const release$ = defer(() => from(this.#store.release(shard))).pipe(ignoreElements());
    return concat(release$, of(0)).pipe(
      answeredWithin(requestTimeoutMs, 'releasing the lease', scheduler),
      retryWithBackOff({
        ...retry,
        notify: (attempt) => notify({ type: 'storeRetry', streamName, shardId, reason: 'transient', ...attempt }),
      }),
      ignoreElements(),
      tap({ complete: () => this.#tell('leaseReleased') }),
      catchError(() => EMPTY),
    );
  }

  #lose(): void {
    this.noteLost();
    this.#onLost();
  }
}

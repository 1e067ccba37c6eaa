import { EMPTY, filter, ignoreElements, Subject, takeUntil, tap, type Observable } from 'rxjs';
import type { Lease, LeasingStore } from '../checkpoints/checkpoint-store.js';
import type { ResolvedShardConfig } from './config.js';
import { ShardLease } from './shard-lease.js';

/** The leases that a store has granted to one subscription of a stream, each until it is released, or the reading of its shard is over. */
export class GrantedLeases {
  readonly #config: ResolvedShardConfig;
  /** Those whose shards may not be read yet. */
  readonly #waiting = new Map<string, ShardLease>();
  /** Those under which shards are read. */
  readonly #used = new Map<string, ShardLease>();
  /** Emits each lease that waits no longer. */
  readonly #left$ = new Subject<ShardLease>();

  constructor(config: ResolvedShardConfig) {
    this.#config = config;
  }

  /** Whether a lease waits for the shard, and is still held. */
  has(shardId: string): boolean {
    return this.#waiting.get(shardId)?.tenure.isHeld === true;
  }

  /** Keeps a lease until its shard may be read; releases it if another worker asks for it before that. */
  add(shardId: string, given: Lease, store: LeasingStore): Observable<never> {
    // The store grants a shard whose lease is held already. Releasing the second grant would end the first one too, under the shard's reading.
    const held = [this.#used.get(shardId), this.#waiting.get(shardId)].find((known) => known?.tenure.isHeld);
    if (held) {
      held.adopt(given);
      return EMPTY;
    }
    const lease = new ShardLease(given, store);
    this.#leave(shardId);
    this.#waiting.set(shardId, lease);
    return lease.asked$.pipe(
      tap(() => this.#release(shardId)),
      ignoreElements(),
      // Else the lease would be kept for the life of the stream.
      takeUntil(this.#left$.pipe(filter((left) => left === lease))),
    );
  }

  /** Takes the lease under which a shard is read from now on; `undefined` if the store gives no leases. */
  use(shardId: string): ShardLease | undefined {
    const lease = this.#leave(shardId);
    if (lease) this.#used.set(shardId, lease);
    return lease;
  }

  /** Forgets the lease of a shard whose reading is over. */
  forget(shardId: string, lease: ShardLease | undefined): void {
    if (this.#used.get(shardId) === lease) this.#used.delete(shardId);
  }

  /** Releases those whose shards were not started. */
  releaseWaiting(): void {
    for (const shardId of [...this.#waiting.keys()]) this.#release(shardId);
  }

  /** Nobody waits for it, so that it goes on when the stream is unsubscribed meanwhile. */
  #release(shardId: string): void {
    const { streamName } = this.#config.stream;
    this.#leave(shardId)?.release({ streamName, shardId, parentShardIds: [] }, this.#config).subscribe();
  }

  #leave(shardId: string): ShardLease | undefined {
    const lease = this.#waiting.get(shardId);
    this.#waiting.delete(shardId);
    if (lease) this.#left$.next(lease);
    return lease;
  }
}

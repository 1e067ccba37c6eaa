import { catchError, concat, defer, EMPTY, from, retry, timer, type Observable, type SchedulerLike } from 'rxjs';
import type { Lease } from '../../../lib/checkpoints/checkpoint-store.js';
import type { LeaseStore } from '../../../lib/leases/leaseStore.js';
import type { Records } from './records.js';
import type { SimulatedStream } from './simulated-stream.js';

/** When a request that failed is made again. */
const RETRY_MS = 500;
const MAX_RETRIES = 3;

/** What the reading of one worker needs. */
export interface ReadingOptions {
  readonly store: LeaseStore;
  readonly stream: SimulatedStream;
  readonly records: Records;
  /** The leases that the worker works with. */
  readonly held: ReadonlyMap<string, Lease>;
  /** The process's timers. */
  readonly scheduler: SchedulerLike;
  /** The time of the world. */
  readonly nowMs: () => number;
  /** Whether a shard's row says that all of it is done, or is gone. */
  readonly hasEnded: (shardId: string) => boolean;
  /** Called when the shard of a lease is over. */
  readonly over: (shardId: string, lease: Lease) => void;
}

/** What one worker reads, and the checkpoints that it writes: it does with its leases what `kinesisStream` does. */
export class Reading {
  readonly #options: ReadingOptions;
  /** The shards that it reads: a child only once its parent has ended. */
  readonly #reading = new Set<string>();
  /** The shards of which it knows that they have ended. */
  readonly #ended = new Set<string>();

  constructor(options: ReadingOptions) {
    this.#options = options;
  }

  /** Begins to read a shard, once its parents have ended; a shard that was split has nothing more to read. */
  begin(shardId: string, lease: Lease): void {
    const { stream, store, records, nowMs, hasEnded } = this.#options;
    const shard = stream.get(shardId);
    const { parentShardIds } = shard;
    if (!parentShardIds.every((id) => this.#ended.has(id))) return;
    if (!parentShardIds.every(hasEnded)) records.wrongs.early++;
    const begin$ = defer(() => (this.#isHeld(shardId, lease) ? from(store.read(shard)) : EMPTY));
    begin$.pipe(this.#again()).subscribe((checkpoint) => {
      if (!this.#isHeld(shardId, lease)) return;
      records.begin(shardId, checkpoint, nowMs());
      this.#reading.add(shardId);
      if (shard.closed) this.#finish(shardId, lease);
    });
  }

  /** Notes that a shard has ended, here or elsewhere. */
  noteEnd(shardId: string): void {
    const { stream, held } = this.#options;
    this.#ended.add(shardId);
    for (const child of stream.childrenOf(shardId)) {
      const lease = held.get(child.shardId);
      if (lease && !this.#reading.has(child.shardId)) this.begin(child.shardId, lease);
    }
  }

  /** Reads to the end the shards that were split. */
  finish(shardIds: readonly string[]): void {
    for (const shardId of shardIds) {
      const lease = this.#options.held.get(shardId);
      if (lease && this.#reading.has(shardId)) this.#finish(shardId, lease);
    }
  }

  /** Writes how far each shard was read. */
  checkpoint(): void {
    for (const shardId of this.#reading) this.#write(shardId).subscribe({ error: () => undefined });
  }

  /** The work on a shard ends at once. */
  leave(shardId: string): void {
    this.#reading.delete(shardId);
  }

  /** Writes the last checkpoint of a shard, and releases its lease. */
  release(shardId: string): void {
    const { stream, store } = this.#options;
    const write$ = this.#reading.has(shardId) ? this.#write(shardId).pipe(this.#again(MAX_RETRIES)) : EMPTY;
    const release$ = defer(() => from(store.release(stream.get(shardId)))).pipe(this.#again(MAX_RETRIES));
    this.leave(shardId);
    concat(write$.pipe(catchError(() => EMPTY)), release$).subscribe({ error: () => undefined });
  }

  #isHeld(shardId: string, lease: Lease): boolean {
    return this.#options.held.get(shardId) === lease;
  }

  #again<T>(count = Infinity) {
    return retry<T>({ count, delay: () => timer(RETRY_MS, this.#options.scheduler) });
  }

  #write(shardId: string): Observable<unknown> {
    const { store, stream, records, nowMs } = this.#options;
    return defer(() => {
      const sequenceNumber = String(records.read(shardId, nowMs()));
      return from(store.write({ streamName: 'flights', shardId, sequenceNumber, subSequenceNumber: 0 }, stream.get(shardId)));
    });
  }

  /** Writes the end of a shard that was split, and releases its lease. */
  #finish(shardId: string, lease: Lease): void {
    const { store, stream, records, over } = this.#options;
    const shard = { ...stream.get(shardId), childShards: stream.childrenOf(shardId) };
    const end = { streamName: 'flights', shardId, sequenceNumber: 'SHARD_END', subSequenceNumber: 0 };
    records.end(shardId);
    this.leave(shardId);
    const end$ = defer(() => (this.#isHeld(shardId, lease) ? from(store.write(end, shard)) : EMPTY));
    end$.pipe(this.#again()).subscribe(() => {
      over(shardId, lease);
      this.release(shardId);
      this.noteEnd(shardId);
    });
  }
}

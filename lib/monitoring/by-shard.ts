import type { ShardName } from '../values/shard-id.js';

/**
 * What is kept for each shard of each stream.
 *
 * @remarks Looked up for every event: by the two names, whose hashes a host keeps, and not by one that would be made of them.
 */
export class ByShard<T> {
  readonly #streams = new Map<string, Map<string, T>>();

  get({ streamName, shardId }: ShardName): T | undefined {
    return this.#streams.get(streamName)?.get(shardId);
  }

  set({ streamName, shardId }: ShardName, value: T): void {
    const shards = this.#streams.get(streamName);
    if (shards) shards.set(shardId, value);
    else this.#streams.set(streamName, new Map([[shardId, value]]));
  }

  delete({ streamName, shardId }: ShardName): void {
    const shards = this.#streams.get(streamName);
    shards?.delete(shardId);
    if (shards?.size === 0) this.#streams.delete(streamName);
  }

  /** In the order in which they came, stream by stream. What is looked at may be deleted meanwhile. */
  *values(): IterableIterator<T> {
    for (const shards of this.#streams.values()) yield* shards.values();
  }

  get isEmpty(): boolean {
    return this.#streams.size === 0;
  }
}

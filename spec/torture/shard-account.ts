import type { Producer } from './producer.js';
import type { WorkedBlock } from './history.js';

/** When each record of one shard was put, and worked on for the first time. */
export class ShardAccount {
  readonly shardId: string;
  readonly parents: readonly string[];
  readonly #indexes: ReadonlyMap<string, number>;
  readonly #putAt: readonly number[];
  readonly #doneAt: number[];

  constructor(shardId: string, parents: readonly string[], producer: Producer) {
    this.shardId = shardId;
    this.parents = parents;
    this.#putAt = producer.putAt(shardId);
    this.#indexes = new Map(producer.stream.written(shardId).map(({ sequenceNumber }, index) => [sequenceNumber, index]));
    this.#doneAt = Array.from(this.#indexes, () => Infinity);
  }

  get size(): number {
    return this.#indexes.size;
  }

  /** Where a record stands in its shard; `undefined`: it was never put. */
  indexOf(sequenceNumber: string): number | undefined {
    return this.#indexes.get(sequenceNumber);
  }

  enter({ at, numbers }: WorkedBlock): void {
    for (const number of numbers) {
      const index = this.#indexes.get(number);
      if (index !== undefined) this.#doneAt[index] = Math.min(this.#doneAt[index]!, at);
    }
  }

  /** Call when all blocks are entered. When the first so many records had all been worked on. */
  doneUpTo(count: number): number {
    return count === 0 ? -Infinity : this.#prefixes()[count - 1]!;
  }

  /** The records that were never worked on. */
  lost(): string[] {
    return [...this.#indexes].filter(([, index]) => this.#doneAt[index] === Infinity).map(([number]) => number);
  }

  /** The longest time in which records were there and none of them was worked on, in ms, and when it ended. */
  longestSilence(): { readonly ms: number; readonly until: number } {
    const order = [...this.#doneAt.keys()].sort((a, b) => this.#doneAt[a]! - this.#doneAt[b]!);
    let longest = { ms: 0, until: 0 };
    let before = -Infinity;
    for (const index of order) {
      const until = this.#doneAt[index]!;
      const ms = until - Math.max(before, this.#putAt[index]!);
      if (ms > longest.ms) longest = { ms, until };
      before = until;
    }
    return longest;
  }

  #made: number[] | undefined;

  #prefixes(): number[] {
    if (this.#made) return this.#made;
    let last = -Infinity;
    return (this.#made = this.#doneAt.map((at) => (last = Math.max(last, at))));
  }
}

/** The accounts of all shards of the stream. */
export async function accountsOf(producer: Producer, blocks: readonly WorkedBlock[]): Promise<Map<string, ShardAccount>> {
  const accounts = new Map<string, ShardAccount>();
  for (const { ShardId, ParentShardId, AdjacentParentShardId } of await producer.stream.shards()) {
    const parents = [ParentShardId, AdjacentParentShardId].filter((id) => id !== undefined);
    accounts.set(ShardId!, new ShardAccount(ShardId!, parents, producer));
  }
  for (const block of blocks) accounts.get(block.shardId)?.enter(block);
  return accounts;
}

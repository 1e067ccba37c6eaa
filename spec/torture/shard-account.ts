import type { Producer } from './producer.js';
import type { WorkedBlock } from './history.js';

/** What was put into a shard. */
export interface PutRecords {
  readonly shardId: string;
  readonly parents: readonly string[];
  /** The sequence numbers, in order. */
  readonly numbers: readonly string[];
  /** When each had been put. */
  readonly putAt: readonly number[];
}

/** When each record of one shard was put, and worked on for the first time. */
export class ShardAccount {
  readonly shardId: string;
  readonly parents: readonly string[];
  readonly #indexes: ReadonlyMap<string, number>;
  readonly #putAt: readonly number[];
  readonly #doneAt: number[];
  /** When all up to each had been worked on; made when it is first asked for. */
  #prefixes: number[] | undefined;

  constructor({ shardId, parents, numbers, putAt }: PutRecords) {
    this.shardId = shardId;
    this.parents = parents;
    this.#putAt = putAt;
    this.#indexes = new Map(numbers.map((number, index) => [number, index]));
    this.#doneAt = numbers.map(() => Infinity);
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
    return count === 0 ? -Infinity : (this.#prefixes ??= this.#doneUpTo())[count - 1]!;
  }

  /** Whether the records from one on and before another had all been worked on at that time. */
  isDone(from: number, to: number, at: number): boolean {
    return this.#doneAt.slice(from, to).every((doneAt) => doneAt <= at);
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

  #doneUpTo(): number[] {
    let last = -Infinity;
    return this.#doneAt.map((at) => (last = Math.max(last, at)));
  }
}

/** The accounts of all shards of the stream. */
export async function accountsOf(producer: Producer, blocks: readonly WorkedBlock[]): Promise<Map<string, ShardAccount>> {
  const accounts = new Map<string, ShardAccount>();
  for (const { ShardId, ParentShardId, AdjacentParentShardId } of await producer.stream.shards()) {
    const parents = [ParentShardId, AdjacentParentShardId].filter((id) => id !== undefined);
    const numbers = producer.stream.written(ShardId!).map(({ sequenceNumber }) => sequenceNumber);
    accounts.set(ShardId!, new ShardAccount({ shardId: ShardId!, parents, numbers, putAt: producer.putAt(ShardId!) }));
  }
  for (const block of blocks) accounts.get(block.shardId)?.enter(block);
  return accounts;
}

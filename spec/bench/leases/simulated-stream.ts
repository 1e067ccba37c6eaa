import type { LeasableShard } from '../../../lib/checkpoints/checkpoint-store.js';
import { leasable, leasables } from '../../support/lease-fleet.js';

/** The shards of a stream, some of which are split. */
export class SimulatedStream {
  #shards: readonly LeasableShard[];
  #byId: ReadonlyMap<string, LeasableShard>;
  #children: ReadonlyMap<string, readonly LeasableShard[]> = new Map();

  constructor(shards: number) {
    this.#shards = leasables(shards);
    this.#byId = byId(this.#shards);
  }

  get shards(): readonly LeasableShard[] {
    return this.#shards;
  }

  /** The ids of the shards that were not split. */
  get open(): readonly string[] {
    return this.#shards.flatMap(({ shardId, closed }) => (closed ? [] : shardId));
  }

  get(shardId: string): LeasableShard {
    return this.#byId.get(shardId)!;
  }

  childrenOf(shardId: string): readonly LeasableShard[] {
    return this.#children.get(shardId) ?? [];
  }

  /** Splits one shard in `oneIn` into halves; returns the ids of those shards. */
  split(oneIn: number): readonly string[] {
    const children = new Map<string, readonly LeasableShard[]>();
    let count = this.#shards.length;
    const isSplit = (i: number): boolean => i % oneIn === 0;
    this.#shards.forEach((shard, i) => {
      if (isSplit(i)) children.set(shard.shardId, halvesOf(shard, [count++, count++]));
    });
    const closed = this.#shards.map((shard, i) => (isSplit(i) ? { ...shard, closed: true } : shard));
    this.#children = children;
    this.#shards = [...closed, ...[...children.values()].flat()];
    this.#byId = byId(this.#shards);
    return [...children.keys()];
  }
}

function byId(shards: readonly LeasableShard[]): Map<string, LeasableShard> {
  return new Map(shards.map((shard) => [shard.shardId, shard]));
}

function halvesOf({ shardId, hashKeyRange }: LeasableShard, [low, high]: readonly [number, number]): readonly LeasableShard[] {
  const [first, last] = [BigInt(hashKeyRange!.startingHashKey), BigInt(hashKeyRange!.endingHashKey)];
  const middle = (first + last) / 2n;
  const child = (number: number, from: bigint, to: bigint): LeasableShard =>
    leasable(number, { parentShardIds: [shardId], hashKeyRange: { startingHashKey: String(from), endingHashKey: String(to) } });
  return [child(low, first, middle), child(high, middle + 1n, last)];
}

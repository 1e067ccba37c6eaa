import type { FakeShard } from './fake-shard.js';

/** A hash key range with the API's field names. */
export interface PortHashKeyRange {
  readonly StartingHashKey: string;
  readonly EndingHashKey: string;
}

/**
 * The hash key range of every shard, by id: the range of its script, or else an even share, with its siblings, of its parents' ranges.
 * Shards without parents in view share the whole key space.
 */
export function hashKeyRanges(shards: ReadonlyMap<string, FakeShard>): Map<string, PortHashKeyRange> {
  const siblings = new Map<string, FakeShard[]>();
  for (const shard of shards.values()) {
    const family = familyOf(shard, shards);
    const known = siblings.get(family);
    if (known) known.push(shard);
    else siblings.set(family, [shard]);
  }
  const found = new Map<FakeShard, Keys>();
  const keysOf = (shard: FakeShard): Keys => {
    const family = siblings.get(familyOf(shard, shards)) ?? [shard];
    const keys =
      found.get(shard) ?? givenKeys(shard) ?? share(spanOf(parentsInView(shard, shards).map(keysOf)), family.indexOf(shard), family.length);
    found.set(shard, keys);
    return keys;
  };
  return new Map([...shards].map(([shardId, shard]) => [shardId, toPort(keysOf(shard))]));
}

/** A range of hash keys, inclusive. */
type Keys = readonly [start: bigint, end: bigint];

const ALL_KEYS: Keys = [0n, (1n << 128n) - 1n];

function familyOf(shard: FakeShard, shards: ReadonlyMap<string, FakeShard>): string {
  const parents = parentsInView(shard, shards).map(({ shardId }) => shardId);
  return parents.sort().join();
}

function parentsInView(shard: FakeShard, shards: ReadonlyMap<string, FakeShard>): FakeShard[] {
  return shard.parentShardIds.flatMap((id) => shards.get(id) ?? []);
}

function givenKeys({ givenHashKeyRange: given }: FakeShard): Keys | undefined {
  return given && [BigInt(given[0]), BigInt(given[1])];
}

function spanOf(parts: readonly Keys[]): Keys {
  const [first = ALL_KEYS, ...others] = parts;
  return others.reduce<Keys>(([start, end], part) => [part[0] < start ? part[0] : start, part[1] > end ? part[1] : end], first);
}

function share([start, end]: Keys, index: number, count: number): Keys {
  const size = end - start + 1n;
  const cut = (part: number): bigint => start + (size * BigInt(part)) / BigInt(count);
  return [cut(index), cut(index + 1) - 1n];
}

function toPort([start, end]: Keys): PortHashKeyRange {
  return { StartingHashKey: String(start), EndingHashKey: String(end) };
}

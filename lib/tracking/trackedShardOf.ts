import type { TrackedShard } from './tracked-shard.js';

const accounts = new WeakMap<object, TrackedShard>();

/** The account of a shard that a source of this package made; `undefined` for one made by hand. */
export function trackedShardOf(shard: object): TrackedShard | undefined {
  return accounts.get(shard);
}

/** Ties an account to the shard that operators are given. */
export function bindTrackedShard(shard: object, account: TrackedShard): void {
  accounts.set(shard, account);
}

import type { ShardAccount } from './shard-account.js';

const accounts = new WeakMap<object, ShardAccount>();

/** The account of a shard that a source of this package made; `undefined` for one made by hand. */
export function accountOf(shard: object): ShardAccount | undefined {
  return accounts.get(shard);
}

/** Ties an account to the shard that operators are given. */
export function bindAccount(shard: object, account: ShardAccount): void {
  accounts.set(shard, account);
}

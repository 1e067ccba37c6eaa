/** A shard's id in full, or its number: `0` and `'0'` mean `shardId-000000000000`. */
export type ShardName = number | string;

/** The id in full: `shardId-000000000007` for `7`, anything but digits as it is. */
export function toShardId(shard: ShardName): string {
  const name = String(shard);
  return /^\d{1,12}$/.test(name) ? `shardId-${name.padStart(12, '0')}` : name;
}

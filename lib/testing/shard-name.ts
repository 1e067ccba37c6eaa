/** A shard's id in full, or its number: `0` and `'0'` mean `shardId-000000000000`. */
export type ShardName = number | string;

/** The full id: `shardId-000000000007` for `7`; a name that is not a number stays unchanged. */
export function toShardId(shard: ShardName): string {
  const name = String(shard);
  return /^\d{1,12}$/.test(name) ? `shardId-${name.padStart(12, '0')}` : name;
}

/** What names a shard among all streams. */
export interface ShardName {
  /** The name of the stream. */
  readonly streamName: string;
  /** The id of the shard, for example `shardId-000000000000`. */
  readonly shardId: string;
}

/** A part of the key space 0 to 2^128 - 1, decimal and inclusive at both ends. */
export interface HashKeyRange {
  readonly startingHashKey: string;
  readonly endingHashKey: string;
}

/** What a store needs to know of a shard. */
export interface ShardIdentity extends ShardName {
  /** The shards that it came from: none, one (split) or two (merge). */
  readonly parentShardIds: readonly string[];
  /** The hash keys it holds, where they are known. */
  readonly hashKeyRange?: HashKeyRange;
  /** What it became, once that is known: a lease table writes their rows before it writes the end of this one. */
  readonly childShards?: readonly Omit<ShardIdentity, 'streamName'>[];
  /**
   * The sequence number at which ListShards says that the shard begins, where it is known. It belongs to one creation of one stream:
   * a shard of the same name in another stream, or in a stream that was deleted and made again, begins elsewhere.
   */
  readonly startingSequenceNumber?: string;
}

/** One text for each shard. Both names are escaped, so that no two shards share it. */
export function shardKey({ streamName, shardId }: ShardName): string {
  return `${encodeURIComponent(streamName)}/${encodeURIComponent(shardId)}`;
}

import { InvalidValueError } from './errors.js';
import { shown } from './shown.js';

/** The names that identify a shard among all streams. */
export interface ShardName {
  /** The name of the stream. */
  readonly streamName: string;
  /** The id of the shard, for example `shardId-000000000000`. */
  readonly shardId: string;
}

/** A part of the key space 0 to 2^128 - 1, decimal and inclusive at both ends. */
export interface HashKeyRange {
  /** The first hash key: a decimal number from 0 to 2^128 - 1, as text. */
  readonly startingHashKey: string;
  /** The last hash key, inclusive, likewise. */
  readonly endingHashKey: string;
}

/** What a store needs to know of a shard. */
export interface ShardIdentity extends ShardName {
  /** The shards that it was made from: none, one (split) or two (merge). */
  readonly parentShardIds: readonly string[];
  /** The hash key range of the shard, where it is known. */
  readonly hashKeyRange?: HashKeyRange;
  /** The shards that it was split or merged into, once they are known: a lease table writes their rows before it writes SHARD_END here. */
  readonly childShards?: readonly Omit<ShardIdentity, 'streamName'>[];
  /**
   * The sequence number at which the shard begins, as ListShards gives it, where it is known. It identifies one creation of one stream:
   * a shard of the same name in another stream, or in a stream that was deleted and made again, begins at another number.
   */
  readonly startingSequenceNumber?: string;
}

/**
 * A text that identifies the shard. Both names are escaped, so that no two shards have the same text.
 *
 * @throws InvalidValueError for a name that is not Unicode text (half of a surrogate pair).
 */
export function shardKey({ streamName, shardId }: ShardName): string {
  return `${escaped('streamName', streamName)}/${escaped('shardId', shardId)}`;
}

/** Whether two ranges, records or shards are of one shard of one stream. */
export function sameShard(a: ShardName, b: ShardName): boolean {
  return a.shardId === b.shardId && a.streamName === b.streamName;
}

function escaped(field: keyof ShardName, name: string): string {
  try {
    return encodeURIComponent(name);
  } catch (cause) {
    throw new InvalidValueError(`${field}: expected Unicode text, got ${shown(name)}`, { cause });
  }
}

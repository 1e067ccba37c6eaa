/** The field that every event has. */
export interface TimedEvent {
  /** When it happened, in ms by the clock of `scheduler`. */
  readonly at: number;
}

/** The fields that every event of a source has. */
export interface StreamEvent extends TimedEvent {
  /** The name of the stream, without account and region. */
  readonly streamName: string;
}

/** The fields that every event about a shard has. */
export interface ShardEvent extends StreamEvent {
  /** The id of the shard, for example `shardId-000000000000`. */
  readonly shardId: string;
}

import type { KinesisEvent, Position } from '../../../lib/index.js';
import type { Flight, FlightCount } from './flights.js';

/** What the producer needs to know. */
export interface ProducerOptions {
  readonly kinesisUrl: string;
  readonly streamName: string;
  readonly records: FlightCount;
  /** Over how long the flights are spread at the usual pace, in ms. */
  readonly durationMs: number;
  /** Where it keeps what Kinesis said about each flight. */
  readonly logFile: string;
}

/** What the parent tells the producer: how many flights may come at the usual pace; further ones come slowly. */
export interface PaceMessage {
  readonly fastUpTo: number;
}

/** What all workers need to know. */
export interface FleetOptions {
  readonly kinesisUrl: string;
  readonly dynamoDBUrl: string;
  readonly s3Url: string;
  readonly leaseTable: string;
  readonly streamName: string;
  /** In it, each worker has a directory for the blocks on its disk. */
  readonly directory: string;
  /** How many bytes of blocks a worker keeps in memory; more go to its disk. */
  readonly memoryBytes: number;
  readonly failoverTimeMs: number;
}

/** What a worker needs to know. */
export interface WorkerOptions extends FleetOptions {
  /** Its name in the lease table. */
  readonly name: string;
}

/** What the producer tells its parent: how many flights are in the stream. */
export interface ProducerMessage {
  readonly produced: number;
}

/** Where a copy of a block can be. */
export type CopyPlace = 'memory' | 'disk' | 'replica';

/** The records of a block, for the sink. */
export interface SaveRequest {
  readonly blockId: string;
  readonly shardId: string;
  /** Grows with each change of the shard's owner. */
  readonly fencingToken: string;
  readonly records: readonly SavedRecord[];
}

export interface SavedRecord extends Position {
  readonly flight: Flight;
}

/** What a worker tells its parent. */
export type WorkerMessage =
  /** Its code is loaded. */
  | { readonly type: 'ready' }
  | { readonly type: 'event'; readonly event: KinesisEvent }
  /** A block was loaded from this place. */
  | { readonly type: 'found'; readonly blockId: string; readonly place: CopyPlace }
  /** A block is to be saved. */
  | { readonly type: 'save'; readonly call: number; readonly request: SaveRequest }
  /** It has deleted its own copies of the blocks that it was told of. */
  | { readonly type: 'copiesDeleted' };

/** What the parent tells a worker. */
export type ParentMessage =
  /** To finish what it has begun, and to end. */
  | { readonly type: 'stop' }
  /** The block of that call is on the sink's disk, or why not. */
  | { readonly type: 'answer'; readonly call: number; readonly error?: string }
  /** To lose the copies of these blocks in its memory and on its disk. */
  | { readonly type: 'deleteCopies'; readonly blockIds: readonly string[] };

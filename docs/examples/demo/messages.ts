import type { KinesisEvent } from '../../../lib/index.js';

/** What the producer needs to know. */
export interface ProducerOptions {
  readonly kinesisUrl: string;
  readonly streamName: string;
  readonly records: '20000' | 'all';
  /** Over how long the flights are spread, in ms. */
  readonly durationMs: number;
  /** After which share of the flights it waits for {@link GO_ON}, unless that has come by then. */
  readonly holdAt: number;
  /** Where it keeps what Kinesis said about each flight. */
  readonly logFile: string;
}

/** What a worker needs to know. */
export interface WorkerOptions {
  readonly kinesisUrl: string;
  readonly dynamoDBUrl: string;
  readonly leaseTable: string;
  readonly streamName: string;
  readonly sinkDirectory: string;
}

/** What the producer tells its parent: how many flights are in the stream. */
export interface ProducerMessage {
  readonly produced: number;
}

/** What a worker tells its parent. */
export type WorkerMessage =
  /** Its code is loaded. */
  | { readonly type: 'ready' }
  /** A block is saved: how many of its records were new, and how many records all workers have saved by now. */
  | { readonly type: 'saved'; readonly fresh: number; readonly processed: number }
  | { readonly type: 'event'; readonly event: KinesisEvent };

/** What the parent tells a worker: to finish what it has begun, and to end. */
export const STOP = 'stop';

/** What the parent tells the producer: that the rest may come. */
export const GO_ON = 'go on';

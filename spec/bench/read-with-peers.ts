import { Agent } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { CREDENTIALS, REGION } from './bench-client.js';
import { SHARD_ID } from './canned-pages.js';
import type { Meter } from './meter.js';
import type { Target } from './read-with-loops.js';

/** Where a reader reads, with what its peer needs. */
export interface PeerTarget extends Target {
  /** The folder whose node_modules has the peers. */
  readonly peers: string;
  /** The port of a DynamoDB. */
  readonly dynamoPort: number;
}

interface SdkV2Records {
  readonly Records?: readonly SdkV2Record[];
  readonly ShardIterator?: string;
  readonly NextShardIterator?: string;
}
interface SdkV2Record {
  readonly SequenceNumber: string;
  readonly PartitionKey: string;
  readonly Data: Uint8Array;
  readonly ApproximateArrivalTimestamp: Date;
}
interface SdkV2Client {
  getShardIterator(input: object): { promise(): Promise<SdkV2Records> };
  getRecords(input: object): { promise(): Promise<SdkV2Records> };
}
interface Sdk2 {
  readonly Kinesis: new (options: object) => SdkV2Client;
}
interface PeerStream {
  on(event: 'data' | 'error', listener: (value: never) => void): unknown;
}
interface LifionRecord {
  readonly sequenceNumber: string;
  readonly partitionKey: string;
  readonly data: Uint8Array;
  readonly approximateArrivalTimestamp: Date;
}

/** Reads with version 2 of the SDK, whose life has ended. */
export async function readWithSdkV2(target: PeerTarget, meter: Meter): Promise<void> {
  const { Kinesis } = requirePeer<Sdk2>(target, 'aws-sdk');
  const client = new Kinesis(sdkV2Options(target.port));
  const place = { StreamName: target.streamName, ShardId: SHARD_ID, ShardIteratorType: 'TRIM_HORIZON' };
  let { ShardIterator } = await client.getShardIterator(place).promise();
  while (ShardIterator) {
    const page = await client.getRecords({ ShardIterator, Limit: 10_000 }).promise();
    meter.takeSdk([...(page.Records ?? [])]);
    ShardIterator = page.NextShardIterator;
  }
}

/** Reads with kinesis-readable, which waits at least 1 ms for each page. */
export function readWithReadable(target: PeerTarget, meter: Meter): Promise<void> {
  const { Kinesis } = requirePeer<Sdk2>(target, 'aws-sdk');
  const open = requirePeer<(client: SdkV2Client, name: string, options: object) => PeerStream>(target, 'kinesis-readable');
  const stream = open(new Kinesis(sdkV2Options(target.port)), target.streamName, { limit: 10_000, readInterval: 1 });
  return flowing(stream, (records: SdkV2Record[]) => meter.takeSdk(records));
}

/** Reads with lifion-kinesis: every shard, no pause between pages, payloads as bytes, no checkpoints. */
export async function readWithLifion(target: PeerTarget, meter: Meter): Promise<void> {
  const Lifion = requirePeer<new (options: object) => PeerStream & { startConsumer(): Promise<void> }>(target, 'lifion-kinesis');
  const consumer = new Lifion({
    ...sdkV2Options(target.port),
    streamName: target.streamName,
    consumerGroup: 'bench',
    initialPositionInStream: 'TRIM_HORIZON',
    dynamoDb: { ...sdkV2Options(target.dynamoPort), tableName: 'bench' },
    pollDelay: 0,
    shouldParseJson: false,
    useAutoCheckpoints: false,
    useAutoShardAssignment: false,
  });
  const end = flowing(consumer, ({ records }: { readonly records: readonly LifionRecord[] }) => meter.take(records));
  await consumer.startConsumer();
  return end;
}

function flowing<T>(stream: PeerStream, take: (value: T) => void): Promise<void> {
  return new Promise((_, reject) => {
    stream.on('error', (error: Error) => reject(error));
    stream.on('data', (value: T) => {
      try {
        take(value);
      } catch (error) {
        reject(error);
      }
    });
  });
}

function sdkV2Options(port: number): object {
  const httpOptions = { agent: new Agent({ keepAlive: true }) };
  return { endpoint: `http://127.0.0.1:${port}`, region: REGION, credentials: CREDENTIALS, httpOptions };
}

function requirePeer<T>({ peers }: PeerTarget, name: string): T {
  return createRequire(join(peers, 'package.json'))(name) as T;
}

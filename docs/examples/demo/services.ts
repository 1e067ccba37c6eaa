import type { Server } from 'node:http';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CreateStreamCommand,
  DescribeStreamSummaryCommand,
  ListShardsCommand,
  MergeShardsCommand,
  SplitShardCommand,
  type KinesisClient,
  type Shard,
} from '@aws-sdk/client-kinesis';
import { kinesisClient } from './clients.js';
import { startProxy, type Proxy } from './proxy.js';
import { close, listen } from './servers.js';

/** A Kinesis and a DynamoDB on this machine, and the stream of the demo. */
export interface Services {
  readonly kinesisUrl: string;
  readonly dynamoDBUrl: string;
  /** The same Kinesis, for the worker. */
  readonly proxy: Proxy;
  listShards(): Promise<readonly Shard[]>;
  /** Splits a shard in the middle; returns once its children are there. */
  split(shardId: string): Promise<void>;
  /** Merges two neighbours; returns once their child is there. */
  merge(shardId: string, neighbourId: string): Promise<void>;
  close(): Promise<void>;
}

export const STREAM = 'flights';
export const LEASE_TABLE = 'flights-demo';
const SHARDS = 4;
const POLL_MS = 20;

type Emulator = (options: object) => Server;

export async function startServices(): Promise<Services> {
  const require = createRequire(import.meta.url);
  const kinesis = (require('kinesalite') as Emulator)({ createStreamMs: 50, updateStreamMs: 200 });
  const dynamoDB = (require('dynalite') as Emulator)({ createTableMs: 50 });
  const kinesisUrl = await listen(kinesis);
  const proxy = await startProxy(kinesisUrl);
  const client = kinesisClient(kinesisUrl);
  await client.send(new CreateStreamCommand({ StreamName: STREAM, ShardCount: SHARDS }));
  await untilActive(client);

  const listShards = async (): Promise<readonly Shard[]> => (await client.send(new ListShardsCommand({ StreamName: STREAM }))).Shards ?? [];
  return {
    kinesisUrl,
    dynamoDBUrl: await listen(dynamoDB),
    proxy,
    listShards,
    split: async (shardId) => {
      const shard = (await listShards()).find(({ ShardId }) => ShardId === shardId);
      await client.send(new SplitShardCommand({ StreamName: STREAM, ShardToSplit: shardId, NewStartingHashKey: middleOf(shard) }));
      await untilActive(client);
    },
    merge: async (shardId, neighbourId) => {
      await client.send(new MergeShardsCommand({ StreamName: STREAM, ShardToMerge: shardId, AdjacentShardToMerge: neighbourId }));
      await untilActive(client);
    },
    close: async () => {
      client.destroy();
      await Promise.all([proxy.close(), close(kinesis), close(dynamoDB)]);
    },
  };
}

async function untilActive(client: KinesisClient): Promise<void> {
  for (;;) {
    const { StreamDescriptionSummary } = await client.send(new DescribeStreamSummaryCommand({ StreamName: STREAM }));
    if (StreamDescriptionSummary?.StreamStatus === 'ACTIVE') return;
    await sleep(POLL_MS);
  }
}

function middleOf(shard: Shard | undefined): string {
  const { StartingHashKey = '0', EndingHashKey = '0' } = shard?.HashKeyRange ?? {};
  return ((BigInt(StartingHashKey) + BigInt(EndingHashKey)) / 2n).toString();
}

import { createServer, type RequestListener, type Server } from 'node:http';
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
import { from, lastValueFrom, merge, toArray } from 'rxjs';
import { kinesisClient, replicaBlocks, s3Client } from './clients.js';
import { startProxy, type Proxy } from './proxy.js';
import { close, listen } from './servers.js';
import { BUCKET, SHARDS, STREAM } from './settings.js';

/** A Kinesis, a DynamoDB and an S3 on this machine, and the stream of the demo. */
export interface Services {
  readonly kinesisUrl: string;
  readonly dynamoDBUrl: string;
  readonly s3Url: string;
  /** The same Kinesis, for the workers. */
  readonly proxy: Proxy;
  /** Deletes the copies of these blocks in the bucket. */
  deleteReplicas(blockIds: readonly string[]): Promise<void>;
  /** The blocks in the bucket. */
  listReplicas(): Promise<readonly string[]>;
  listShards(): Promise<readonly Shard[]>;
  /** Splits a shard in the middle; returns once its children are there. */
  split(shardId: string): Promise<void>;
  /** Merges two neighbours; returns once their child is there. */
  merge(shardId: string, neighbourId: string): Promise<void>;
  close(): Promise<void>;
}

const POLL_MS = 20;

/** @param directory - where the bucket keeps its objects. */
export async function startServices(directory: string): Promise<Services> {
  const servers = await makeServers(directory);
  const [kinesisUrl, dynamoDBUrl, s3Url] = (await Promise.all(servers.map(listen))) as [string, string, string];
  const proxy = await startProxy(kinesisUrl);
  const client = kinesisClient(kinesisUrl);
  const s3 = s3Client(s3Url);
  const replica = replicaBlocks(s3);
  await client.send(new CreateStreamCommand({ StreamName: STREAM, ShardCount: SHARDS }));
  await untilActive(client);

  const listShards = async (): Promise<readonly Shard[]> => (await client.send(new ListShardsCommand({ StreamName: STREAM }))).Shards ?? [];
  return {
    ...{ kinesisUrl, dynamoDBUrl, s3Url, proxy, listShards },
    deleteReplicas: async (blockIds) => {
      await lastValueFrom(merge(...blockIds.map((id) => replica.delete(id))), { defaultValue: undefined });
    },
    listReplicas: () => lastValueFrom(from(replica.list()).pipe(toArray())),
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
      s3.destroy();
      await Promise.all([proxy.close(), ...servers.map(close)]);
    },
  };
}

type Emulator = (options: object) => Server;
type S3Emulator = new (options: object) => { configureBuckets(): Promise<unknown>; callback(): RequestListener };

/** Those of Kinesis, DynamoDB and S3. */
async function makeServers(directory: string): Promise<readonly Server[]> {
  const require = createRequire(import.meta.url);
  const kinesis = (require('kinesalite') as Emulator)({ createStreamMs: 50, updateStreamMs: 200 });
  const dynamoDB = (require('dynalite') as Emulator)({ createTableMs: 50 });
  const s3 = new (require('s3rver') as S3Emulator)({ directory, silent: true, configureBuckets: [{ name: BUCKET }] });
  await s3.configureBuckets();
  return [kinesis, dynamoDB, createServer(s3.callback())];
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

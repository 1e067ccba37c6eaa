import { GetRecordsCommand, GetShardIteratorCommand, type KinesisClient } from '@aws-sdk/client-kinesis';
import { SHARD_ID } from './canned-pages.js';

/** Reads a stream's shard to its end with the SDK alone: no checkpoint, no recovery, nothing to be told of. */
export async function readWithLoop(client: KinesisClient, streamName: string): Promise<number> {
  let records = 0;
  let { ShardIterator } = await client.send(
    new GetShardIteratorCommand({ StreamName: streamName, ShardId: SHARD_ID, ShardIteratorType: 'TRIM_HORIZON' }),
  );
  while (ShardIterator) {
    const page = await client.send(new GetRecordsCommand({ ShardIterator, Limit: 10_000 }));
    records += page.Records?.length ?? 0;
    ShardIterator = page.NextShardIterator ?? undefined;
  }
  return records;
}

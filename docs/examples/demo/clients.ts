import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { KinesisClient } from '@aws-sdk/client-kinesis';
import { S3Client } from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import type { BlockStore } from '../../../lib/index.js';
import { s3Blocks } from '../../../lib/s3/index.js';
import { BUCKET } from './settings.js';

const LOCAL = { region: 'eu-west-1', credentials: { accessKeyId: 'demo', secretAccessKey: 'demo' } };

/** A client that makes each call once, so that every retry seen is one of the library. */
export function kinesisClient(endpoint: string): KinesisClient {
  // The client's default is HTTP/2, which the emulator does not speak.
  return new KinesisClient({ ...LOCAL, endpoint, maxAttempts: 1, requestHandler: new NodeHttpHandler() });
}

export function dynamoDBClient(endpoint: string): DynamoDBClient {
  return new DynamoDBClient({ ...LOCAL, endpoint });
}

export function s3Client(endpoint: string): S3Client {
  // The only key that the emulator knows.
  const credentials = { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' };
  return new S3Client({ ...LOCAL, endpoint, credentials, forcePathStyle: true });
}

/** The second copies of all blocks. */
export function replicaBlocks(client: S3Client): BlockStore {
  // A prefix would be a directory of the emulator, which removes it when it is empty, also while it writes the next block there.
  return s3Blocks({ client, bucket: BUCKET, prefix: '' });
}

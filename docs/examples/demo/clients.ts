import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { KinesisClient } from '@aws-sdk/client-kinesis';
import { NodeHttpHandler } from '@smithy/node-http-handler';

const LOCAL = { region: 'eu-west-1', credentials: { accessKeyId: 'demo', secretAccessKey: 'demo' } };

/** A client that makes each call once, so that every retry seen is one of the library. */
export function kinesisClient(endpoint: string): KinesisClient {
  // The client's default is HTTP/2, which the emulator does not speak.
  return new KinesisClient({ ...LOCAL, endpoint, maxAttempts: 1, requestHandler: new NodeHttpHandler() });
}

export function dynamoDBClient(endpoint: string): DynamoDBClient {
  return new DynamoDBClient({ ...LOCAL, endpoint });
}

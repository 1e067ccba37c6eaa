import { once } from 'node:events';
import { createServer, request as forward, type IncomingMessage, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { KinesisClient } from '@aws-sdk/client-kinesis';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { canaries, canaryPayload } from './canaries.js';
import { startDynalite } from './dynamodb-services.js';
import { close, listen } from './kinesis-services.js';

/** A request as a service sees it. */
export interface SeenRequest {
  readonly operation: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** Answers a request in place of the service. */
export type Sabotage = (request: SeenRequest, response: ServerResponse) => void;

/** Kinesis with one stream of one shard, and dynalite, of which one operation goes wrong. Records hold canaries, and so do the credentials. */
export interface HostileServices {
  readonly kinesis: KinesisClient;
  readonly dynamodb: DynamoDBClient;
  /** Has every request of `operation` answered so, in place of that before. */
  sabotage(operation: string, by: Sabotage): void;
  /** How often that has happened since. */
  sabotaged(): number;
  stop(): Promise<void>;
}

/** What Kinesis answers when nothing goes wrong: a stream of one shard with one record. */
const HEALTHY: Readonly<Record<string, (body: string) => object>> = {
  ListShards: () => ({
    Shards: [
      {
        ShardId: 'shardId-000000000000',
        HashKeyRange: { StartingHashKey: '0', EndingHashKey: '340282366920938463463374607431768211455' },
        SequenceNumberRange: { StartingSequenceNumber: '1' },
      },
    ],
  }),
  GetShardIterator: () => ({ ShardIterator: 'first' }),
  GetRecords: (body) => (body.includes('first') ? pageOf('2') : { Records: [], NextShardIterator: 'next', MillisBehindLatest: 0 }),
};

/** A page of one record with canaries in its key and its payload. */
export function pageOf(SequenceNumber: unknown): object {
  const Data = Buffer.from(canaryPayload).toString('base64');
  const record = { SequenceNumber, PartitionKey: canaries.partitionKey, Data, ApproximateArrivalTimestamp: 1 };
  return { Records: [record], NextShardIterator: 'next', MillisBehindLatest: 0 };
}

export async function startHostileServices(): Promise<HostileServices> {
  const dynalite = await startDynalite();
  let current: { operation: string; by: Sabotage } | undefined;
  let count = 0;
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const seen = {
      operation: String(request.headers['x-amz-target']).split('.').at(-1)!,
      headers: request.headers,
      body: (await buffer(request)).toString(),
    };
    if (seen.operation === current?.operation) {
      count++;
      return current.by(seen, response);
    }
    const healthy = HEALTHY[seen.operation];
    return healthy ? json(response, 200, healthy(seen.body)) : passOn(dynalite.endpoint, request, seen.body, response);
  };
  const server = createServer((request, response) => void answer(request, response).catch(() => response.destroy()));
  const endpoint = `http://127.0.0.1:${await listen(server)}`;
  const { accessKey: accessKeyId, secretKey: secretAccessKey, sessionToken } = canaries;
  const config = { endpoint, region: 'eu-west-1', credentials: { accessKeyId, secretAccessKey, sessionToken }, maxAttempts: 1 };
  const kinesis = new KinesisClient({ ...config, requestHandler: new NodeHttpHandler() });
  const dynamodb = new DynamoDBClient(config);
  const stop = async (): Promise<void> => {
    kinesis.destroy();
    dynamodb.destroy();
    server.closeAllConnections();
    await close(server);
    await dynalite.stop();
  };
  const sabotage = (operation: string, by: Sabotage): void => {
    current = { operation, by };
    count = 0;
  };
  return { kinesis, dynamodb, sabotage, sabotaged: () => count, stop };
}

/** Answers as AWS does. */
export function json(
  response: ServerResponse,
  status: number,
  body: object | string,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1', 'x-amzn-requestid': 'request-1', ...headers });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
}

async function passOn(target: string, request: IncomingMessage, body: string, response: ServerResponse): Promise<void> {
  const onward = forward(target, { method: request.method, path: request.url, headers: request.headers });
  onward.end(body);
  const [answered] = (await once(onward, 'response')) as [IncomingMessage];
  response.writeHead(answered.statusCode!, answered.headers);
  answered.pipe(response);
}

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { firstValueFrom, map, throwError, type Observable } from 'rxjs';
import type { SubscribeToShardRequest } from '../../lib/kinesis/fan-out-port.js';
import type { PortRecord } from '../../lib/kinesis/port.js';
import type { FakeKinesis } from '../../lib/testing/index.js';
import { EVENT_STREAM, eventMessage, initialResponse, type JsonRecord } from './event-stream.js';
import { clientsOf, close, listen } from './kinesis-services.js';

/** A fake that real clients reach over HTTP, in real time. */
export interface ServedFake extends Omit<ReturnType<typeof clientsOf>, 'clients'> {
  stop(): Promise<void>;
}

/** Serves a fake on a free port, in JSON: pages when they are asked for, events as soon as records arrive. */
export async function serveFake(kinesis: FakeKinesis): Promise<ServedFake> {
  const server = createServer((request, response) => void answer(kinesis, request, response).catch(() => response.destroy()));
  const { clients, client, endpoint } = clientsOf(`http://127.0.0.1:${await listen(server)}`);
  const stop = async (): Promise<void> => {
    clients.forEach((each) => each.destroy());
    server.closeAllConnections();
    await close(server);
  };
  return { client, endpoint, stop };
}

async function answer(kinesis: FakeKinesis, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const input: unknown = JSON.parse((await buffer(request)).toString());
  const operation = String(request.headers['x-amz-target']).split('.').at(-1)!;
  if (operation === 'SubscribeToShard') return push(kinesis, input as SubscribeToShardRequest, response);
  try {
    send(response, 200, await firstValueFrom(outputOf(kinesis, operation, input as never)));
  } catch (error) {
    send(response, 400, { __type: (error as Error).name });
  }
}

function send(response: ServerResponse, status: number, output: unknown): void {
  response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' });
  response.end(JSON.stringify(output));
}

function outputOf(kinesis: FakeKinesis, operation: string, input: never): Observable<unknown> {
  switch (operation) {
    case 'ListShards':
      return kinesis.listShards(input);
    case 'GetShardIterator':
      return kinesis.getShardIterator(input).pipe(map((ShardIterator) => ({ ShardIterator })));
    case 'GetRecords':
      return kinesis.getRecords(input).pipe(map((page) => ({ ...page, Records: page.Records.map(jsonOf) })));
    case 'DescribeStreamSummary':
      return kinesis.describeStreamSummary(input).pipe(map((StreamDescriptionSummary) => ({ StreamDescriptionSummary })));
    case 'DescribeStreamConsumer':
      return kinesis.describeStreamConsumer(input).pipe(map((ConsumerDescription) => ({ ConsumerDescription })));
    default:
      return throwError(() => Object.assign(new Error(operation), { name: 'UnknownOperationException' }));
  }
}

async function push(kinesis: FakeKinesis, input: SubscribeToShardRequest, response: ServerResponse): Promise<void> {
  const subscription = await firstValueFrom(kinesis.subscribeToShard(input));
  response.on('close', () => subscription.close());
  response.writeHead(200, { 'content-type': EVENT_STREAM });
  response.write(initialResponse());
  for (;;) {
    const event = await firstValueFrom(subscription.next());
    if (!event) break;
    response.write(eventMessage({ ...event, Records: event.Records.map(jsonOf) }));
  }
  response.end();
}

function jsonOf({ SequenceNumber, PartitionKey, Data, ApproximateArrivalTimestamp }: PortRecord): JsonRecord {
  return {
    SequenceNumber,
    PartitionKey,
    Data: Buffer.from(Data).toString('base64'),
    ApproximateArrivalTimestamp: Number(ApproximateArrivalTimestamp) / 1_000,
  };
}

import type { Readable } from 'node:stream';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import type { DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';

/** A request handler for a `DynamoDBClient` that can lose replies, and counts what reaches the service. */
export interface FaultyHandler {
  /** For the client's config. */
  readonly requestHandler: NonNullable<DynamoDBClientConfig['requestHandler']>;
  /** The operations that reached the service, in order, each SDK retry by itself. */
  readonly operations: string[];
  /** Has the service do the next such operation, and the client see a broken connection. */
  loseReplyOf(operation: string): void;
}

/** Wraps the SDK's own handler, so that its real retries run over the faults. */
export function faultyHandler(): FaultyHandler {
  const inner = new NodeHttpHandler();
  const operations: string[] = [];
  const lost: string[] = [];
  const handle: NodeHttpHandler['handle'] = async (request, options) => {
    const operation = String(request.headers['x-amz-target']).replace('DynamoDB_20120810.', '');
    operations.push(operation);
    const response = await inner.handle(request, options);
    if (lost[0] !== operation) return response;
    lost.shift();
    (response.response.body as Readable).destroy();
    throw Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
  };
  const requestHandler: FaultyHandler['requestHandler'] = {
    handle,
    destroy: () => inner.destroy(),
    updateHttpClientConfig: (key, value) => inner.updateHttpClientConfig(key, value),
    httpHandlerConfigs: () => inner.httpHandlerConfigs(),
    metadata: inner.metadata,
  };
  return { requestHandler, operations, loseReplyOf: (operation) => lost.push(operation) };
}

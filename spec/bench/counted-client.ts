import { setTimeout as pause } from 'node:timers/promises';
import { KinesisClient } from '@aws-sdk/client-kinesis';
import { NodeHttpHandler } from '@smithy/node-http-handler';

/** A client that counts its requests, and makes each of them take longer. */
export class CountedClient {
  readonly kinesis: KinesisClient;
  latencyMs = 0;
  readonly #calls = new Map<string, number>();

  constructor(endpoint: string) {
    const inner = new NodeHttpHandler();
    const handle: NodeHttpHandler['handle'] = async (request, handlerOptions) => {
      const operation = String(request.headers['x-amz-target']).split('.').at(-1)!;
      this.#calls.set(operation, this.callsOf(operation) + 1);
      if (this.latencyMs > 0) await pause(this.latencyMs);
      return inner.handle(request, handlerOptions);
    };
    const requestHandler = {
      handle,
      destroy: () => inner.destroy(),
      updateHttpClientConfig: inner.updateHttpClientConfig.bind(inner),
      httpHandlerConfigs: () => inner.httpHandlerConfigs(),
      metadata: inner.metadata,
    };
    const credentials = { accessKeyId: 'bench', secretAccessKey: 'bench' };
    this.kinesis = new KinesisClient({ endpoint, region: 'us-east-1', credentials, requestHandler });
  }

  callsOf(operation: string): number {
    return this.#calls.get(operation) ?? 0;
  }

  reset(): void {
    this.#calls.clear();
  }
}

import { KinesisClient } from '@aws-sdk/client-kinesis';
import { NodeHttpHandler } from '@smithy/node-http-handler';

export const CREDENTIALS = { accessKeyId: 'bench', secretAccessKey: 'bench' };
export const REGION = 'eu-central-1';

/** The client of the canned server, as the guide says to make one. */
export function benchClient(port: number): KinesisClient {
  return new KinesisClient({
    endpoint: `http://127.0.0.1:${port}`,
    region: REGION,
    credentials: CREDENTIALS,
    // The SDK's own default speaks HTTP/2, which the canned server does not.
    requestHandler: new NodeHttpHandler(),
  });
}

import { Readable } from 'node:stream';

/** What a service, or whatever stands in its place, answers a request with. */
export interface HttpAnswer {
  readonly status: number;
  /** The chunks of the body, in order. */
  readonly body: readonly string[];
  /** Ends the body with this error after its chunks: the connection broke. */
  readonly brokenBy?: Error;
}

/** An error as AWS services put it on the wire in JSON 1.1. */
export function refusal(code: string, status: number): HttpAnswer {
  return { status, body: [JSON.stringify({ __type: `com.amazonaws.service#${code}`, message: `the text of ${code}` })] };
}

/** A config for a client of the AWS SDK whose every request gets this answer, through the SDK's own parser, without its retries. */
export function answering({ status, body, brokenBy }: HttpAnswer) {
  async function* chunks() {
    for (const chunk of body) yield Buffer.from(chunk);
    if (brokenBy) throw brokenBy;
  }
  const handle = async () => ({
    response: { statusCode: status, headers: { 'content-type': 'application/x-amz-json-1.1' }, body: Readable.from(chunks()) },
  });
  const requestHandler = { handle, destroy: () => undefined, updateHttpClientConfig: () => undefined, httpHandlerConfigs: () => ({}) };
  return { region: 'eu-west-1', credentials: { accessKeyId: 'a', secretAccessKey: 'b' }, maxAttempts: 1, requestHandler };
}

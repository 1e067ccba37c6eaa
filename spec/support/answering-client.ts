import type { KinesisClient, KinesisClientConfig } from '@aws-sdk/client-kinesis';
import { Readable } from 'node:stream';
import { CborReader } from '../../lib/kinesis/wire/cbor-reader.js';
import type { KinesisSdk } from './kinesis-sdks.js';

/** A request as it left the client. */
export interface SentRequest {
  readonly operation: string;
  readonly format: 'cbor' | 'json';
  readonly input: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly bytes: Uint8Array;
}

/** An answer to it. */
export interface Answer {
  readonly statusCode?: number;
  /** Content type; none when it is left out. */
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** The chunks that the body comes in, in place of `body`. */
  readonly chunks?: readonly Uint8Array[];
  /** Whether the connection breaks after the body. */
  readonly isCut?: boolean;
}

export const CBOR = 'application/x-amz-cbor-1.1';
export const JSON_TYPE = 'application/x-amz-json-1.1';

/** A real client of the SDK whose requests are answered by a function, and the requests it has sent. */
export interface AnsweringClient {
  readonly client: KinesisClient;
  readonly sent: readonly SentRequest[];
}

/** Makes one. Nothing leaves the process. */
export function answeringClient(
  sdk: KinesisSdk,
  answer: (request: SentRequest, index: number) => Answer | Promise<Answer>,
  config: KinesisClientConfig = {},
): AnsweringClient {
  const sent: SentRequest[] = [];
  const handle = async (request: unknown): Promise<{ response: unknown }> => {
    const made = sentRequest(request as HttpRequestLike);
    sent.push(made);
    const { statusCode = 200, type, headers, ...content } = await answer(made, sent.length - 1);
    const all = { 'x-amzn-requestid': `request-${sent.length}`, ...(type && { 'content-type': type }), ...headers };
    return { response: { statusCode, reason: '', headers: all, body: bodyOf(content) } };
  };
  const credentials = { accessKeyId: '123456789012', secretAccessKey: 'local' };
  const requestHandler = { metadata: { handlerProtocol: 'http/1.1' }, handle, destroy: () => undefined } as never;
  const client = new sdk.KinesisClient({
    endpoint: 'http://localhost:1',
    region: 'us-east-1',
    credentials,
    maxAttempts: 1,
    requestHandler,
    ...config,
  });
  return { client, sent };
}

interface HttpRequestLike {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

function sentRequest({ headers, body }: HttpRequestLike): SentRequest {
  const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body;
  const format = headers['content-type'] === CBOR ? 'cbor' : 'json';
  const input = format === 'cbor' ? new CborReader(bytes).value() : JSON.parse(new TextDecoder().decode(bytes));
  return {
    operation: headers['x-amz-target']!.split('.')[1]!,
    format,
    input: input as SentRequest['input'],
    headers: { ...headers },
    bytes,
  };
}

function bodyOf({ body = '', chunks, isCut = false }: Answer): Readable {
  const parts = chunks ?? [typeof body === 'string' ? new TextEncoder().encode(body) : body];
  const stream = new Readable({
    read() {
      for (const part of parts) if (part.length > 0) this.push(Buffer.from(part.buffer, part.byteOffset, part.byteLength));
      if (isCut) this.destroy(Object.assign(new Error('aborted'), { code: 'ECONNRESET' }));
      else this.push(null);
    },
  });
  return stream;
}

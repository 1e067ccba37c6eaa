import { TextReader } from './bytes.js';
import { decodeCborPage } from './cbor-page.js';
import { encodeCborMap } from './cbor-writer.js';
import { collectChunks, cutOff } from './collect.js';
import { decodeJsonPage } from './json-page.js';
import type { PageRoom } from './page-body.js';
import { PagePayloads, type PayloadPlacement } from './page-payloads.js';
import { partsOf, ResolvedStack } from './resolved-stack.js';
import {
  headerOf,
  isResponse,
  type SdkClientConfig,
  type SdkCommand,
  type SdkContext,
  type SdkMiddleware,
  type SdkMiddlewareStack,
  type SdkOptions,
  type SdkRequest,
  type SdkResponse,
} from './sdk-seam.js';
import { SerdeDetours } from './serde-detours.js';
import { readErrorBody } from './wire-error-body.js';
import { CBOR_TYPE, formatOf, type WireFormat } from './wire-format.js';
import type { WirePage } from './wire-page.js';

/** What a call needs besides its command. */
export interface WireContext {
  readonly config: SdkClientConfig;
  readonly room: PageRoom;
  readonly payloads: PayloadPlacement;
}

/** The answer of the service. */
export interface WireAnswer {
  readonly statusCode: number;
  readonly format: WireFormat;
  /** Whether it was a page that could be read, or an error that has a name. */
  readonly isUnderstood: boolean;
}

/**
 * Where an answer has its page: one that a middleware has ceased to wait for may come when the next call is under way. In the answer, since V8's young
 * collections keep what a WeakMap holds: each page would be collected with the old ones.
 */
const PAGE = Symbol('page');
type DecodedResponse = SdkResponse & { [PAGE]?: WirePage };

/** The body that the SDK's own deserializer gets instead of the page. */
const EMPTY_OBJECT = /* @__PURE__ */ new TextEncoder().encode('{}');

/** From this number of calls on, the middlewares are resolved again, so that one that was added to the client later is used. */
const MAX_CALLS = 64;

/**
 * Calls of GetRecords, one at a time: three middlewares on the command's own stack; the user's client does the rest.
 *
 * @remarks
 * The SDK makes one function of all middlewares, its own and the client's, for each call anew: a fifth of what a call costs. This one is kept for the
 * next call. So is its signal, until a call is aborted; then it must not be used again.
 *
 * 1. Between the SDK's serializer and its signing, the request becomes CBOR.
 * 2. Next to the handler, within the SDK's retries, the body is decoded; the SDK's deserializer gets an empty object, or an error in JSON.
 * 3. Outside that deserializer, the page is put into the output.
 *
 * The calls after the first pass that serializer and that deserializer by, where {@link SerdeDetours} can.
 */
export class WireCall {
  readonly #format: WireFormat;
  readonly #context: WireContext;
  readonly controller = new AbortController();
  #calls = 0;
  #resolved: ResolvedStack | undefined;
  #isSentInCbor = false;
  #answer: WireAnswer | undefined;
  /** What the middlewares share that were resolved last. */
  #shared: SdkContext = {};
  /** The page of the last answer. */
  #page: WirePage | undefined;

  constructor(format: WireFormat, context: WireContext) {
    this.#format = format;
    this.#context = context;
  }

  /** The format in which the call should be made. */
  get format(): WireFormat {
    return this.#format;
  }

  /** Whether the request went out as CBOR. */
  get isSentInCbor(): boolean {
    return this.#isSentInCbor;
  }

  /** The answer of the last attempt, if it was complete. */
  get answer(): WireAnswer | undefined {
    return this.#answer;
  }

  /** Whether it should not make another call. */
  get isWornOut(): boolean {
    return this.#calls >= MAX_CALLS;
  }

  /** Prepares `command` for the next call. */
  attachTo(command: SdkCommand): void {
    this.#calls++;
    this.#isSentInCbor = false;
    this.#answer = undefined;
    this.#page = undefined;
    const resolve = command.resolveMiddleware.bind(command);
    let isSent = false;
    let isExtended = false;
    command.resolveMiddleware = (clientStack, config, options) => {
      const parts = partsOf(command, clientStack, config);
      // Another package may extend each command that is sent, add options of its own, or send a command again.
      const isPlain = !isSent && command.middlewareStack.identify().length === 0 && this.#isAlone(options);
      isSent = true;
      if (isPlain && this.#resolved?.isMadeOf(parts)) return this.#resolved.handlerFor(command);
      if (!isExtended) this.#addTo(command.middlewareStack);
      isExtended = true;
      if (!isPlain) return resolve(clientStack, config, options);
      const detours = new SerdeDetours(outputOf);
      const handler = resolve(detours.addedTo(clientStack), config, options);
      this.#resolved = new ResolvedStack(handler, { parts, context: this.#shared, detours });
      return handler;
    };
  }

  /** Whether the signal of this call is the only option. */
  #isAlone(options: SdkOptions | undefined): boolean {
    return options?.abortSignal === this.controller.signal && Object.keys(options).length === 1;
  }

  #addTo(stack: SdkMiddlewareStack): void {
    // The SDK filters each record of an output for its logger. With the default logger, which logs nothing, that work is avoided.
    const isSilent = this.#context.config.logger?.constructor?.name === 'NoOpLogger';
    if (this.#format === 'cbor') stack.add(this.#encodeRequest, { step: 'serialize', priority: 'low', name: 'rxKinesisEncodeRequest' });
    stack.add(this.#takeBody, { step: 'deserialize', priority: 'low', name: 'rxKinesisTakeBody' });
    stack.add(this.#putPageIn, { step: isSilent ? 'initialize' : 'deserialize', priority: 'high', name: 'rxKinesisPutPageIn' });
  }

  /** Writes the input, which the SDK has written as JSON, as CBOR. If it has a field that cannot be written, the request stays JSON. */
  readonly #encodeRequest: SdkMiddleware = (next) => (args) => {
    const body = encodeCborMap(args.input);
    if (body) {
      const request = args.request as SdkRequest;
      request.body = body;
      request.headers['content-type'] = CBOR_TYPE;
      this.#isSentInCbor = true;
    }
    return next(args);
  };

  readonly #takeBody: SdkMiddleware = (next) => async (args) => {
    this.#answer = undefined;
    this.#page = undefined;
    const result = await next(args);
    const { response } = result;
    if (isResponse(response)) {
      const length = lengthOf(response.headers);
      const chunks = await collectChunks(response.body, this.#context.config.streamCollector, length);
      if (isShort(chunks, length, response.headers)) throw cutOff();
      this.#take(response, chunks);
    }
    return result;
  };

  readonly #putPageIn: SdkMiddleware = (next, context) => {
    this.#shared = context;
    return async (args) => {
      const result = await next(args);
      // A middleware may have replaced the answer.
      const page = (result.response as DecodedResponse | undefined)?.[PAGE] ?? this.#page;
      if (page) Object.assign(result.output as object, page);
      // The call is kept for the next one; its page is not.
      this.#page = undefined;
      return result;
    };
  };

  #take(response: SdkResponse, chunks: readonly Uint8Array[]): void {
    const { statusCode, headers } = response;
    const format = formatOf(headerOf(headers, 'content-type'));
    this.#answer = { statusCode, format, isUnderstood: false };
    if (statusCode < 300) {
      this.#page = this.#decode(chunks, format, response);
      (response as DecodedResponse)[PAGE] = this.#page;
      response.body = EMPTY_OBJECT;
      this.#answer = { statusCode, format, isUnderstood: true };
    } else {
      const { json, isNamed } = readErrorBody(this.#context.room.join(chunks, false).bytes, format);
      response.body = json;
      this.#answer = { statusCode, format, isUnderstood: isNamed || headerOf(headers, 'x-amzn-errortype') !== undefined };
    }
  }

  #decode(chunks: readonly Uint8Array[], format: WireFormat, response: SdkResponse): WirePage {
    const { room, payloads } = this.#context;
    const body = room.join(chunks, format === 'cbor' && payloads === 'views');
    const placed = new PagePayloads(body, payloads);
    try {
      if (format === 'cbor') return decodeCborPage(body.bytes, placed);
      return decodeJsonPage(new TextReader(body.bytes).utf8(0, body.bytes.length), placed);
    } catch (error) {
      // Adds the metadata, as the SDK does: Amazon's support asks for the request id.
      throw Object.assign(error as Error, { $metadata: metadataOf(response) });
    }
  }
}

/** What the SDK's deserializer makes of an answer whose page is put in later; `undefined` for an answer without a page. */
function outputOf(response: unknown): object | undefined {
  return isResponse(response) && (response as DecodedResponse)[PAGE] ? { $metadata: metadataOf(response) } : undefined;
}

/** What the SDK says of an answer. */
function metadataOf({ statusCode, headers }: SdkResponse): object {
  const header = (name: string): string | undefined => headerOf(headers, name);
  return {
    httpStatusCode: statusCode,
    requestId: header('x-amzn-requestid') ?? header('x-amzn-request-id') ?? header('x-amz-request-id'),
    extendedRequestId: header('x-amz-id-2'),
    cfId: header('x-amz-cf-id'),
  };
}

/** How many bytes a body had when it was sent, if a header says so. */
function lengthOf(headers: SdkResponse['headers']): number | undefined {
  const length = headerOf(headers, 'content-length');
  return length === undefined ? undefined : Number(length);
}

/** Whether a body has fewer bytes than were sent: an HTTP/2 stream whose session breaks may end as if it were complete. */
function isShort(chunks: readonly Uint8Array[], length: number | undefined, headers: SdkResponse['headers']): boolean {
  const isShorter = chunks.reduce((sum, chunk) => sum + chunk.length, 0) < (length ?? 0);
  // Then the length is that of the encoded body, which fetch has decoded.
  return isShorter && headerOf(headers, 'content-encoding') === undefined;
}

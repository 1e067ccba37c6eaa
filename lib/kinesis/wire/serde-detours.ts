import type { SdkArguments, SdkContext, SdkHandler, SdkMiddleware, SdkMiddlewareStack, SdkRequest, SdkResult } from './sdk-seam.js';
import { formatOf } from './wire-format.js';

const ENCODER = /* @__PURE__ */ new TextEncoder();
const DECODER = /* @__PURE__ */ new TextDecoder();

/** The names that every version of the SDK gives them. */
const SERIALIZER = 'serializerMiddleware';
const DESERIALIZER = 'deserializerMiddleware';

/** Where the arguments of the SDK's deserializer have the answer, if it is here already. */
const ANSWERED = Symbol('answered');
type AnsweredArguments = SdkArguments & { readonly [ANSWERED]?: SdkResult };

/**
 * Ways around the SDK's serializer and deserializer in one stack of middlewares, for the calls after the first. Both copy the whole config of the client for
 * each call, a fifth of what it costs without the network.
 *
 * @remarks
 * A request for the same endpoint is written as the first one, with its own body; an answer that was read needs no deserializer. All else goes the SDK's way,
 * errors among it. Each way leads around one middleware of the SDK and no other: it begins directly before that one, and ends directly behind it.
 */
export class SerdeDetours {
  readonly #outputOf: (response: unknown) => object | undefined;
  #isOpen = false;
  #template: Template | undefined;
  #afterSerializer!: SdkHandler;
  #afterDeserializer!: SdkHandler;

  /** @param outputOf - what the deserializer would make of an answer that was read; `undefined` for another one. */
  constructor(outputOf: (response: unknown) => object | undefined) {
    this.#outputOf = outputOf;
  }

  /** Notes that the stack is used again: from now on answers need no deserializer. */
  open(): void {
    this.#isOpen = true;
  }

  /** A client's stack with which the SDK makes a stack that has the detours. */
  addedTo(clientStack: SdkMiddlewareStack): SdkMiddlewareStack {
    const concat = (own: SdkMiddlewareStack): SdkMiddlewareStack => {
      const joined = clientStack.concat(own);
      this.#addTo(joined);
      return joined;
    };
    return Object.create(clientStack, { concat: { value: concat } }) as SdkMiddlewareStack;
  }

  #addTo(joined: SdkMiddlewareStack): void {
    // Each line begins with the name.
    const names = joined.identify().map((line) => /^\w*/.exec(line)![0]);
    const add = (toMiddleware: string, before: SdkMiddleware, after: SdkMiddleware): void => {
      if (!names.includes(toMiddleware)) return;
      joined.addRelativeTo(before, { relation: 'before', toMiddleware, name: `rxKinesisBefore-${toMiddleware}` });
      joined.addRelativeTo(after, { relation: 'after', toMiddleware, name: `rxKinesisAfter-${toMiddleware}` });
    };
    add(SERIALIZER, this.#beforeSerializer, this.#behindSerializer);
    add(DESERIALIZER, this.#beforeDeserializer, this.#behindDeserializer);
  }

  readonly #beforeSerializer: SdkMiddleware = (next, context) => (args) => {
    const request = this.#template?.requestFor(args.input, context);
    return request ? this.#afterSerializer({ ...args, request }) : next(args);
  };

  readonly #behindSerializer: SdkMiddleware = (next, context) => {
    this.#afterSerializer = next;
    return (args) => {
      this.#template = Template.of(args.request as SdkRequest, context);
      return next(args);
    };
  };

  readonly #beforeDeserializer: SdkMiddleware = (next) => async (args) => {
    if (!this.#isOpen) return next(args);
    const result = await this.#afterDeserializer(args);
    const output = this.#outputOf(result.response);
    return output ? { ...result, output } : next({ ...args, [ANSWERED]: result } as AnsweredArguments);
  };

  readonly #behindDeserializer: SdkMiddleware = (next) => {
    this.#afterDeserializer = next;
    return async (args: AnsweredArguments) => args[ANSWERED] ?? next(args);
  };
}

/** A request that the SDK has written, of which only the body depends on the input. */
class Template {
  readonly #request: SdkRequest;
  readonly #endpoint: unknown;
  /** Whether the SDK has written a text, as old versions do, or bytes. */
  readonly #isText: boolean;
  /** The fields that it has written. */
  readonly #fields: ReadonlySet<string>;

  private constructor(request: SdkRequest, endpoint: unknown, body: string | Uint8Array) {
    this.#request = request;
    this.#endpoint = endpoint;
    this.#isText = typeof body === 'string';
    this.#fields = new Set(Object.keys(JSON.parse(typeof body === 'string' ? body : DECODER.decode(body)) as object));
  }

  /** `undefined` where the SDK does not say to which endpoint the request goes, or what it has written. */
  static of(request: SdkRequest, context: SdkContext): Template | undefined {
    const endpoint = endpointIn(context);
    const { body, headers } = request;
    const isJson = formatOf(headers['content-type']) === 'json' && (typeof body === 'string' || body instanceof Uint8Array);
    return endpoint !== undefined && isJson && request.clone ? new Template(request.clone(), endpoint, body) : undefined;
  }

  /** The request for an input; `undefined` where the SDK may write another one. */
  requestFor(input: object, context: SdkContext): SdkRequest | undefined {
    if (endpointIn(context) !== this.#endpoint || !Object.entries(input).every((field) => this.#isWritten(field))) return undefined;
    const text = JSON.stringify(input);
    // What comes behind changes its request, the headers among others.
    return Object.assign(this.#request.clone!(), { body: this.#isText ? text : ENCODER.encode(text) });
  }

  /** Whether the SDK writes a field of an input, as JSON has it. */
  #isWritten([name, value]: [string, unknown]): boolean {
    return value === undefined || (this.#fields.has(name) && (typeof value === 'string' || Number.isSafeInteger(value)));
  }
}

/** The endpoint of a call. The SDK keeps those that it has resolved, so the same one is the same object; old versions make a new one for each call. */
function endpointIn(context: SdkContext): unknown {
  return context['endpointV2'];
}

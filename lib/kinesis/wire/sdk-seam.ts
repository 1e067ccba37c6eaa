/** The parts of the SDK's requests, answers and middlewares that are used, by their shape, so that any 3.x version will do. */

export interface SdkRequest {
  headers: Record<string, string>;
  body?: unknown;
  clone?(): SdkRequest;
}

export interface SdkResponse {
  readonly statusCode: number;
  headers: Record<string, string>;
  body?: unknown;
}

export interface SdkArguments {
  readonly input: object;
  readonly request?: unknown;
}

export interface SdkResult {
  readonly response?: unknown;
  readonly output?: unknown;
}

export type SdkHandler = (args: SdkArguments) => Promise<SdkResult>;

/** What the middlewares of a call tell each other. */
export type SdkContext = Record<string, unknown>;

/** A step of a call. */
export type SdkMiddleware = (next: SdkHandler, context: SdkContext) => SdkHandler;

export interface SdkMiddlewareStack {
  /** The names of its middlewares. */
  identify(): readonly string[];
  add(middleware: SdkMiddleware, options: { readonly step: string; readonly priority: string; readonly name: string }): void;
  addRelativeTo(
    middleware: SdkMiddleware,
    options: { readonly relation: 'after' | 'before'; readonly toMiddleware: string; readonly name: string },
  ): void;
  concat(other: SdkMiddlewareStack): SdkMiddlewareStack;
}

/** What `client.send` is given besides the command. */
export interface SdkOptions {
  readonly abortSignal?: AbortSignal;
}

/** A command: the input of one call. */
export interface SdkCommand {
  readonly middlewareStack: SdkMiddlewareStack;
  /** What writes its request, where the SDK has it in the command. */
  readonly serialize?: unknown;
  /** What reads its answer, where the SDK has it in the command. */
  readonly deserialize?: unknown;
  /** Makes one function of the client's middlewares and the command's own; `client.send` calls both once for each call. */
  resolveMiddleware(clientStack: SdkMiddlewareStack, config: SdkClientConfig, options?: SdkOptions): SdkHandler;
}

/** The config of a real client; a client made by hand for a test usually has none. */
export interface SdkClientConfig {
  readonly logger?: { readonly constructor?: { readonly name?: string } };
  readonly requestHandler?: unknown;
  /** Reads a body of the handler's own kind to its end. */
  readonly streamCollector?: (stream: unknown) => Promise<Uint8Array>;
}

/** The config of a client whose calls can be extended by middlewares; `undefined` for a client that has only `send`. */
export function configOf(client: object): SdkClientConfig | undefined {
  const { config, middlewareStack } = client as { readonly config?: unknown; readonly middlewareStack?: unknown };
  return isObject(config) && isObject(middlewareStack) ? config : undefined;
}

/** Whether `value` is an answer of a handler of the SDK. */
export function isResponse(value: unknown): value is SdkResponse {
  const { statusCode, headers } = (value ?? {}) as Partial<SdkResponse>;
  return typeof statusCode === 'number' && isObject(headers);
}

/** The header with this name, which must be in lower case; the handler's names may be in any case. */
export function headerOf(headers: Readonly<Record<string, string>>, name: string): string | undefined {
  return headers[name] ?? Object.entries(headers).find(([each]) => each.toLowerCase() === name)?.[1];
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

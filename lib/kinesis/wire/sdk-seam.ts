/** The parts of the SDK's requests, answers and middlewares that are used, by their shape, so that any 3.x version will do. */

export interface SdkRequest {
  headers: Record<string, string>;
  body?: unknown;
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

/** A step of a call. It is made for each call, so it may keep that call's state. */
export type SdkMiddleware = (next: SdkHandler) => SdkHandler;

export interface SdkMiddlewareStack {
  add(middleware: SdkMiddleware, options: { readonly step: string; readonly priority: string; readonly name: string }): void;
}

/** A command; its own stack is used for one call only. */
export interface SdkCommand {
  readonly middlewareStack: SdkMiddlewareStack;
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

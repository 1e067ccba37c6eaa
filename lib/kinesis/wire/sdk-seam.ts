/** What of the SDK's requests, answers and middlewares is used: taken by its shape, so that any 3.x of it will do. */

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

/** A step of a call. Made anew for each call, so it may know the call that it is for. */
export type SdkMiddleware = (next: SdkHandler) => SdkHandler;

export interface SdkMiddlewareStack {
  add(middleware: SdkMiddleware, options: { readonly step: string; readonly priority: string; readonly name: string }): void;
}

/** A command, whose own stack is used for one call only. */
export interface SdkCommand {
  readonly middlewareStack: SdkMiddlewareStack;
}

/** What a real client has, and one made by hand for a test mostly has not. */
export interface SdkClientConfig {
  readonly logger?: { readonly constructor?: { readonly name?: string } };
  readonly requestHandler?: unknown;
  /** Reads a body to its end, whatever the handler gives for one. */
  readonly streamCollector?: (stream: unknown) => Promise<Uint8Array>;
}

/** The configuration of a client that this package can work within; `undefined` for one that only sends. */
export function configOf(client: object): SdkClientConfig | undefined {
  const { config, middlewareStack } = client as { readonly config?: unknown; readonly middlewareStack?: unknown };
  return isObject(config) && isObject(middlewareStack) ? config : undefined;
}

/** Whether `value` is what a handler of the SDK gives for an answer. */
export function isResponse(value: unknown): value is SdkResponse {
  const { statusCode, headers } = (value ?? {}) as Partial<SdkResponse>;
  return typeof statusCode === 'number' && isObject(headers);
}

/** A header by its name in lower case, whatever the handler makes of the case. */
export function headerOf(headers: Readonly<Record<string, string>>, name: string): string | undefined {
  return headers[name] ?? Object.entries(headers).find(([each]) => each.toLowerCase() === name)?.[1];
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

import { once } from 'node:events';
import { createServer, Agent, request as forward, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { garble, type Garbling, type Reply } from './garbled-replies.js';
import { close, listen } from './kinesis-services.js';

/** What happens to a request in place of being answered by the service. */
export type Fault =
  /** Is answered with an error of the API. */
  | { readonly type: 'error'; readonly status: number; readonly name: string }
  /** Its connection is reset before the service sees it. */
  | { readonly type: 'reset' }
  /** The service does it, and the connection breaks in the middle of the answer. */
  | { readonly type: 'cut' }
  /** The service does it, and the connection breaks before the answer. */
  | { readonly type: 'lost' }
  /** The service does it, and the answer cannot be read. */
  | { readonly type: 'garbled'; readonly how: Garbling }
  /** Nobody ever answers, and the connection stays open; the service does it or never sees it. */
  | { readonly type: 'hang'; readonly served: boolean }
  /** The service gets it twice, as when something on the way tries again; the second answer is passed on. */
  | { readonly type: 'duplicated' }
  /** It reaches the service so much later, also when the client has given it up by then. */
  | { readonly type: 'delay'; readonly delayMs: number };

export const throttled: Fault = { type: 'error', status: 400, name: 'ProvisionedThroughputExceededException' };
export const expired: Fault = { type: 'error', status: 400, name: 'ExpiredIteratorException' };
export const serverError: Fault = { type: 'error', status: 500, name: 'InternalFailure' };
export const unavailable: Fault = { type: 'error', status: 503, name: 'ServiceUnavailable' };
export const accessDenied: Fault = { type: 'error', status: 400, name: 'AccessDeniedException' };

/** One request of a client. */
export interface Call {
  /** The operation, for example `GetRecords`. */
  readonly operation: string;
  /** How many requests of this operation came before. */
  readonly index: number;
}

/** Says what happens to a request; `undefined` passes it on. */
export type Faults = (call: Call) => Fault | undefined;

/** A request that the service has answered, whatever the client came to know of it. */
export interface Exchange {
  readonly operation: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** When it was sent to the service, by the wall clock. */
  readonly sentAt: number;
  readonly status: number;
}

/** Stands before a service and makes faults on demand. */
export interface FaultProxy {
  /** Where a client reaches the service through here. */
  readonly endpoint: string;
  /** Makes these faults from now on, in place of those before. */
  make(faults: Faults): void;
  /** Makes no more faults; what hangs stays so. */
  heal(): void;
  /** How many requests of an operation came, and how many of them met a fault. */
  countOf(operation: string): { readonly calls: number; readonly faults: number };
  stop(): Promise<void>;
}

/** Starts a proxy before the service at `target`, on a free port. @param watch - is told of everything that the service has answered. */
export async function startFaultProxy(target: string, watch: (exchange: Exchange) => void = () => undefined): Promise<FaultProxy> {
  const none: Faults = () => undefined;
  const counts = new Map<string, { calls: number; faults: number }>();
  const service = new Service(target, watch);
  let faults = none;

  const countOf = (operation: string) => {
    const count = counts.get(operation) ?? { calls: 0, faults: 0 };
    counts.set(operation, count);
    return count;
  };
  const faultOf = (operation: string): Fault | undefined => {
    const count = countOf(operation);
    const fault = faults({ operation, index: count.calls++ });
    if (fault) count.faults++;
    return fault;
  };
  const server = createServer((request, response) => {
    answer(service, request, response, faultOf(operationOf(request))).catch(() => response.destroy());
  });
  const endpoint = `http://127.0.0.1:${await listen(server)}`;
  const stop = async () => {
    server.closeAllConnections();
    service.close();
    await close(server);
  };
  return { endpoint, make: (made) => (faults = made), heal: () => (faults = none), countOf, stop };
}

function operationOf({ headers }: IncomingMessage): string {
  return String(headers['x-amz-target']).split('.').at(-1)!;
}

async function answer(service: Service, request: IncomingMessage, response: ServerResponse, fault: Fault | undefined): Promise<void> {
  const body = await buffer(request);
  const reset = () => void request.socket.resetAndDestroy();
  const reply = (): Promise<Reply> => service.do(request, body);
  switch (fault?.type) {
    case 'reset':
      return reset();
    case 'error':
      return send(response, errorReply(fault.status, fault.name));
    case 'lost':
      await reply();
      return void request.socket.destroy();
    case 'hang':
      return fault.served ? void (await reply()) : undefined;
    case 'garbled':
      return send(response, garble(await reply(), fault.how));
    case 'cut':
      return cut(response, await reply(), reset);
    case 'duplicated':
      await reply();
      break;
    case 'delay':
      await pause(fault.delayMs);
      break;
    case undefined:
  }
  send(response, await reply());
}

/** What stands behind the proxy. */
class Service {
  readonly #target: string;
  readonly #watch: (exchange: Exchange) => void;
  readonly #agent = new Agent({ keepAlive: true });

  constructor(target: string, watch: (exchange: Exchange) => void) {
    this.#target = target;
    this.#watch = watch;
  }

  async do(request: IncomingMessage, body: Buffer): Promise<Reply> {
    const { method, url: path, headers } = request;
    const sentAt = Date.now();
    const onward = forward(this.#target, { method, path, headers, agent: this.#agent });
    onward.end(body);
    const [answered] = (await once(onward, 'response')) as [IncomingMessage];
    const reply = { status: answered.statusCode!, headers: answered.headers, body: await buffer(answered) };
    this.#watch({ operation: operationOf(request), headers, body, sentAt, status: reply.status });
    return reply;
  }

  close(): void {
    this.#agent.destroy();
  }
}

function send(response: ServerResponse, { status, headers, body }: Reply): void {
  response.writeHead(status, headers);
  response.end(body);
}

function cut(response: ServerResponse, { status, headers, body }: Reply, reset: () => void): void {
  response.writeHead(status, headers);
  response.write(body.subarray(0, body.length / 2), reset);
}

function errorReply(status: number, name: string): Reply {
  const body = Buffer.from(JSON.stringify({ __type: name, message: 'made by a spec' }));
  return { status, headers: { 'content-type': 'application/x-amz-json-1.1' }, body };
}

import { once } from 'node:events';
import { createServer, request as forward, type IncomingMessage, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { close, listen } from './kinesis-services.js';

/** What happens to a request in place of being answered by the service. */
export type Fault =
  /** Is answered with an error of the API. */
  | { readonly type: 'error'; readonly status: number; readonly name: string }
  /** Its connection is reset before the service sees it. */
  | { readonly type: 'reset' }
  /** The service does it, and the connection breaks in the middle of the answer. */
  | { readonly type: 'cut' }
  /** It reaches the service so much later. */
  | { readonly type: 'delay'; readonly delayMs: number };

export const throttled: Fault = { type: 'error', status: 400, name: 'ProvisionedThroughputExceededException' };
export const expired: Fault = { type: 'error', status: 400, name: 'ExpiredIteratorException' };
export const serverError: Fault = { type: 'error', status: 500, name: 'InternalFailure' };
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

/** Stands before a service and makes faults on demand. */
export interface FaultProxy {
  /** Where a client reaches the service through here. */
  readonly endpoint: string;
  /** Makes these faults from now on, in place of those before. */
  make(faults: Faults): void;
  /** Makes no more faults. */
  heal(): void;
  /** How many requests of an operation came, and how many of them met a fault. */
  countOf(operation: string): { readonly calls: number; readonly faults: number };
  stop(): Promise<void>;
}

/** Starts a proxy before the service at `target`, on a free port. */
export async function startFaultProxy(target: string): Promise<FaultProxy> {
  const none: Faults = () => undefined;
  const counts = new Map<string, { calls: number; faults: number }>();
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
    const operation = String(request.headers['x-amz-target']).split('.').at(-1)!;
    answer(target, request, response, faultOf(operation)).catch(() => response.destroy());
  });
  const endpoint = `http://127.0.0.1:${await listen(server)}`;
  const stop = async () => {
    server.closeAllConnections();
    await close(server);
  };
  return { endpoint, make: (made) => (faults = made), heal: () => (faults = none), countOf, stop };
}

async function answer(target: string, request: IncomingMessage, response: ServerResponse, fault: Fault | undefined): Promise<void> {
  const body = await buffer(request);
  if (fault?.type === 'reset') return void request.socket.resetAndDestroy();
  if (fault?.type === 'error') {
    response.writeHead(fault.status, { 'content-type': 'application/x-amz-json-1.1' });
    return void response.end(JSON.stringify({ __type: fault.name, message: 'made by a spec' }));
  }
  if (fault?.type === 'delay') await pause(fault.delayMs);
  await passOn(target, request, body, response, fault?.type === 'cut');
}

async function passOn(target: string, request: IncomingMessage, body: Buffer, response: ServerResponse, cut: boolean): Promise<void> {
  const onward = forward(target, { method: request.method, path: request.url, headers: request.headers });
  onward.end(body);
  const [answered] = (await once(onward, 'response')) as [IncomingMessage];
  const content = await buffer(answered);
  response.writeHead(answered.statusCode!, answered.headers);
  if (!cut) return void response.end(content);
  response.write(content.subarray(0, content.length / 2), () => request.socket.resetAndDestroy());
}

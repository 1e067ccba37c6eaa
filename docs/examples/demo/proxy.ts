import { Agent, createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream';
import { close, listen } from './servers.js';

/** Stands between the worker and Kinesis, and lets reads fail. */
export interface Proxy {
  readonly url: string;
  /** How many reads were answered with a 500, and how many were throttled. */
  readonly failed: { readonly errors: number; readonly throttled: number };
  /** From now on for so long, reads pass for {@link PASS_MS}, then fail for {@link FAIL_MS}, and so on. */
  failReads(forMs: number): void;
  close(): Promise<void>;
}

/** Long enough for a page to pass, so that there are records in the worker's buffers when reads begin to fail. */
export const PASS_MS = 300;
/** Longer than the worker's reader keeps trying. */
export const FAIL_MS = 400;

/** Starts a proxy for the Kinesis at `target`. */
export async function startProxy(target: string): Promise<Proxy> {
  const agent = new Agent({ keepAlive: true });
  const failed = { errors: 0, throttled: 0 };
  let failing = { fromMs: 0, untilMs: 0 };

  const server = createServer((incoming, response) => {
    const isRead = incoming.headers['x-amz-target'] === 'Kinesis_20131202.GetRecords';
    if (isRead && isFailing(performance.now(), failing)) refuse(incoming, response, failed);
    else forward(incoming, response, target, agent);
  });
  return {
    url: await listen(server),
    failed,
    failReads: (forMs) => void (failing = { fromMs: performance.now(), untilMs: performance.now() + forMs }),
    close: async () => {
      await close(server);
      agent.destroy();
    },
  };
}

/** Whether a read at `nowMs` is to fail. */
export function isFailing(nowMs: number, { fromMs, untilMs }: { readonly fromMs: number; readonly untilMs: number }): boolean {
  return nowMs >= fromMs && nowMs < untilMs && (nowMs - fromMs) % (PASS_MS + FAIL_MS) >= PASS_MS;
}

/** Answers as Kinesis does when it is ill and when it is asked too often, in turns. */
function refuse(incoming: IncomingMessage, response: ServerResponse, failed: { errors: number; throttled: number }): void {
  incoming.resume();
  const isThrottled = failed.errors > failed.throttled;
  if (isThrottled) failed.throttled++;
  else failed.errors++;
  response.writeHead(isThrottled ? 400 : 500, { 'Content-Type': 'application/x-amz-json-1.1' });
  response.end(JSON.stringify({ __type: isThrottled ? 'ProvisionedThroughputExceededException' : 'InternalFailure' }));
}

function forward(incoming: IncomingMessage, response: ServerResponse, target: string, agent: Agent): void {
  const { method, url, headers } = incoming;
  const outgoing = request(new URL(url ?? '/', target), { method, headers, agent }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    pipeline(answer, response, () => undefined);
  });
  // A killed worker leaves requests behind, and an idle connection may be closed: the caller tries again.
  outgoing.on('error', () => (response.headersSent ? response.destroy() : response.writeHead(502).end()));
  pipeline(incoming, outgoing, () => undefined);
}

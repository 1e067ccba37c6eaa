import { Agent, createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { close, listen } from './servers.js';

/** Stands between the workers and Kinesis, and lets reads fail. */
export interface Proxy {
  readonly url: string;
  /** How many reads were answered with a 500, and how many were throttled. */
  readonly failed: { readonly errors: number; readonly throttled: number };
  /**
   * From now on, after each page with records the next read of that shard fails {@link FAILURES} times: more often than a worker's reader
   * tries, and faster than its buffer fills, so that the records of the page are in the buffer when the reading errors.
   */
  failReads(): void;
  /** From now on all reads pass. */
  passReads(): void;
  close(): Promise<void>;
}

/** A worker's reader tries a read twice. */
export const FAILURES = 6;

/** Starts a proxy for the Kinesis at `target`. */
export async function startProxy(target: string): Promise<Proxy> {
  const agent = new Agent({ keepAlive: true });
  const failed = { errors: 0, throttled: 0 };
  const outage = new Outage();

  const server = createServer((incoming, response) => {
    const isRead = incoming.headers['x-amz-target'] === 'Kinesis_20131202.GetRecords';
    void buffer(incoming)
      .then(async (body) => {
        if (isRead && outage.fails(body)) return refuse(response, failed);
        const answer = await forward({ incoming, body, target, agent }, response);
        if (isRead) outage.notePage(answer);
      })
      // A killed worker leaves requests behind, and an idle connection may be closed: the caller tries again.
      .catch(() => (response.headersSent ? response.destroy() : response.writeHead(502).end()));
  });
  return {
    url: await listen(server),
    failed,
    failReads: () => outage.begin(),
    passReads: () => outage.end(),
    close: async () => {
      await close(server);
      agent.destroy();
    },
  };
}

/** Which reads fail: those with the iterator that came with a page of records. */
export class Outage {
  readonly #failuresLeft = new Map<string, number>();
  #isOn = false;

  begin(): void {
    this.#isOn = true;
  }

  end(): void {
    this.#isOn = false;
    this.#failuresLeft.clear();
  }

  /** Takes the answer of a read. */
  notePage(answer: Buffer): void {
    if (!this.#isOn) return;
    const text = answer.toString('latin1');
    const iterator = iteratorIn(text, 'NextShardIterator');
    if (iterator !== undefined && text.includes('PartitionKey')) this.#failuresLeft.set(iterator, FAILURES);
  }

  /** Whether this read is to fail. */
  fails(body: Buffer): boolean {
    const iterator = iteratorIn(body.toString('latin1'), 'ShardIterator') ?? '';
    const left = this.#failuresLeft.get(iterator) ?? 0;
    if (left > 0) this.#failuresLeft.set(iterator, left - 1);
    return left > 0;
  }
}

/** The iterator in a request or an answer, whether it is JSON or CBOR: there, its name is followed by a byte that says how many give its length. */
function iteratorIn(text: string, field: string): string | undefined {
  const at = text.lastIndexOf(field);
  if (at < 0) return undefined;
  const rest = text.slice(at + field.length);
  const bytes = { x: 1, y: 2 }[rest[0]!];
  if (bytes === undefined) return /^":"([^"]+)"/.exec(rest)?.[1];
  const length = Buffer.from(rest, 'latin1').readUIntBE(1, bytes);
  return rest.slice(1 + bytes, 1 + bytes + length);
}

/** Answers as Kinesis does when it is ill and when it is asked too often, in turns. */
function refuse(response: ServerResponse, failed: { errors: number; throttled: number }): void {
  const isThrottled = failed.errors > failed.throttled;
  if (isThrottled) failed.throttled++;
  else failed.errors++;
  response.writeHead(isThrottled ? 400 : 500, { 'Content-Type': 'application/x-amz-json-1.1' });
  response.end(JSON.stringify({ __type: isThrottled ? 'ProvisionedThroughputExceededException' : 'InternalFailure' }));
}

interface Forwarding {
  readonly incoming: IncomingMessage;
  readonly body: Buffer;
  readonly target: string;
  readonly agent: Agent;
}

/** Passes a request on, and its answer back; gives the answer's body. */
function forward({ incoming, body, target, agent }: Forwarding, response: ServerResponse): Promise<Buffer> {
  const { method, url, headers } = incoming;
  return new Promise((resolve, reject) => {
    const outgoing = request(new URL(url ?? '/', target), { method, headers, agent }, (answer) => {
      buffer(answer).then((answered) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        response.end(answered);
        resolve(answered);
      }, reject);
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

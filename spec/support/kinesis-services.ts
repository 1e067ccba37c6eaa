import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { KinesisClient, ListStreamsCommand, type KinesisClientConfig } from '@aws-sdk/client-kinesis';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { defer, lastValueFrom, retry, throwError, timer } from 'rxjs';

/** A Kinesis for specs. */
export interface KinesisService {
  /** Where it listens, for example `http://127.0.0.1:4568`. */
  readonly endpoint: string;
  /** A client of it; all are destroyed with the service. */
  client(config?: KinesisClientConfig): KinesisClient;
  stop(): Promise<void>;
}

/** How to start one of the services that the specs run against. */
export interface KinesisKind {
  readonly name: 'kinesalite' | 'kinesis-local';
  /** Records of a stream that it handles quickly: kinesis-local's reads and writes take longer the more a stream holds. */
  readonly records: number;
  start(): Promise<KinesisService>;
}

/** The services that stream specs run against. */
export const kinesisKinds: readonly KinesisKind[] = [
  { name: 'kinesalite', records: 1_000, start: startKinesalite },
  { name: 'kinesis-local', records: 400, start: startKinesisLocal },
];

const require = createRequire(import.meta.url);

/** Starts kinesalite in this process, on a free port. */
export async function startKinesalite(): Promise<KinesisService> {
  const kinesalite = require('kinesalite') as (options: object) => Server;
  const server = kinesalite({ createStreamMs: 0, deleteStreamMs: 0, updateStreamMs: 0, shardLimit: 1_000 });
  const { clients, client, endpoint } = clientsOf(`http://127.0.0.1:${await listen(server)}`);
  const stop = async () => {
    clients.forEach((each) => each.destroy());
    server.closeAllConnections();
    await close(server);
  };
  return { endpoint, client, stop };
}

/** Starts kinesis-local (kinesis-mock) as a child process, on free ports. */
export async function startKinesisLocal(): Promise<KinesisService> {
  const main = require.resolve('kinesis-local');
  const [port, tlsPort] = [await freePort(), await freePort()];
  const durations = ['CREATE_STREAM', 'DELETE_STREAM', 'MERGE_SHARDS', 'SPLIT_SHARD'].map((name) => [`${name}_DURATION`, '1ms']);
  const env = {
    ...process.env,
    // Coverage is of lib/ in this process: collecting it in the emulator would only cost time.
    NODE_V8_COVERAGE: undefined,
    KINESIS_MOCK_PLAIN_PORT: String(port),
    KINESIS_MOCK_TLS_PORT: String(tlsPort),
    KINESIS_MOCK_CERT_PATH: join(dirname(main), 'server.json'),
    SHARD_LIMIT: '1000',
    LOG_LEVEL: 'ERROR',
    ...Object.fromEntries(durations),
  };
  const child = spawn(process.execPath, [main], { env, stdio: 'ignore' });
  const { clients, client, endpoint } = clientsOf(`http://127.0.0.1:${port}`);
  const stop = async () => {
    clients.forEach((each) => each.destroy());
    await kill(child);
  };
  await answering(client(), child);
  return { endpoint, client, stop };
}

/** Makes clients of the service at `endpoint`. */
export function clientsOf(endpoint: string) {
  const clients: KinesisClient[] = [];
  const client = (config: KinesisClientConfig = {}) => {
    // kinesis-local takes the access key id for the account, which has twelve digits.
    const credentials = { accessKeyId: '123456789012', secretAccessKey: 'local' };
    // The SDK's own handler speaks HTTP/2, which the emulators do not. The package retries by itself.
    const own = { endpoint, region: 'us-east-1', credentials, requestHandler: new NodeHttpHandler(), maxAttempts: 1 };
    const made = new KinesisClient({ ...own, ...config });
    clients.push(made);
    return made;
  };
  return { endpoint, clients, client };
}

/** Ends a process by its id, at once, and waits until it is gone. */
export async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const exited = once(child, 'exit');
  // kinesis-local takes half a minute to end by itself when it is asked to.
  process.kill(child.pid, 'SIGKILL');
  await exited;
}

/** Listens on a free port of this machine and gives it. */
export async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** Ends a server and waits until it is closed. */
export function close(server: Server): Promise<void> {
  return new Promise((resolve, reject) => server.close((error) => (error ? reject(error) : resolve())));
}

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  await close(server);
  return port;
}

async function answering(client: KinesisClient, child: ChildProcess): Promise<void> {
  const asked = defer(() => {
    if (child.exitCode !== null) return throwError(() => new Error(`kinesis-local ended with code ${child.exitCode}`));
    return client.send(new ListStreamsCommand({}));
  });
  const again = retry({ count: 600, delay: (error: unknown) => (child.exitCode === null ? timer(50) : throwError(() => error)) });
  await lastValueFrom(asked.pipe(again));
}

import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { DynamoDBClient, ListTablesCommand, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import { defer, lastValueFrom, retry, throwError, timer } from 'rxjs';

/** A DynamoDB for specs. */
export interface DynamoDBService {
  /** Where it listens, for example `http://127.0.0.1:8000`. */
  readonly endpoint: string;
  /** A client of it; all are destroyed with the service. */
  client(config?: DynamoDBClientConfig): DynamoDBClient;
  stop(): Promise<void>;
}

const require = createRequire(import.meta.url);

/** Starts dynalite in this process, on a free port. */
export async function startDynalite(): Promise<DynamoDBService> {
  const dynalite = require('dynalite') as (options: object) => Server;
  const server = dynalite({ createTableMs: 0, deleteTableMs: 0 });
  const { clients, client, endpoint } = clientsOf(`http://127.0.0.1:${await listen(server)}`);
  const stop = async () => {
    clients.forEach((each) => each.destroy());
    server.closeAllConnections();
    // dynalite's own `close` closes the database under a request that it is still working on, which then throws where nobody catches it.
    await new Promise((resolve) => Server.prototype.close.call(server, resolve));
  };
  return { endpoint, client, stop };
}

/** Why DynamoDB Local cannot be started here, or `undefined` when it can. */
export function missingForDynamoDBLocal(): string | undefined {
  if (spawnSync('java', ['-version'], { stdio: 'ignore' }).status !== 0) return 'no java on this machine';
  return emulatorDirectory() === undefined ? 'the package amplify-dynamodb-simulator is not installed' : undefined;
}

/** Starts Amazon's DynamoDB Local as a child process, on a free port and in memory. */
export async function startDynamoDBLocal(): Promise<DynamoDBService> {
  const port = await freePort();
  const flags = [
    '-Djava.library.path=./DynamoDBLocal_lib',
    '-jar',
    'DynamoDBLocal.jar',
    '-inMemory',
    // One database for all: else each access key and region has its own.
    '-sharedDb',
    '-disableTelemetry',
    '-port',
    String(port),
  ];
  const child = spawn('java', flags, { cwd: emulatorDirectory(), stdio: 'ignore' });
  const { clients, client, endpoint } = clientsOf(`http://127.0.0.1:${port}`);
  await answering(client(), child);
  const stop = async () => {
    clients.forEach((each) => each.destroy());
    await end(child);
  };
  return { endpoint, client, stop };
}

/** Makes clients of the service at `endpoint`. */
export function clientsOf(endpoint: string) {
  const clients: DynamoDBClient[] = [];
  const client = (config: DynamoDBClientConfig = {}) => {
    const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
    const made = new DynamoDBClient({ endpoint, region: 'eu-west-1', credentials, ...config });
    clients.push(made);
    return made;
  };
  return { endpoint, clients, client };
}

/** The jar lies beside the package's main file. */
function emulatorDirectory(): string | undefined {
  try {
    return join(dirname(require.resolve('amplify-dynamodb-simulator')), 'emulator');
  } catch {
    return undefined;
  }
}

async function answering(client: DynamoDBClient, child: ChildProcess): Promise<void> {
  const asked = defer(() => {
    if (child.exitCode !== null) return throwError(() => new Error(`DynamoDB Local ended with code ${child.exitCode}`));
    return client.send(new ListTablesCommand({}));
  });
  const again = retry({ count: 300, delay: (error: unknown) => (child.exitCode === null ? timer(100) : throwError(() => error)) });
  await lastValueFrom(asked.pipe(again));
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.pid === undefined) return;
  const exited = once(child, 'exit');
  process.kill(child.pid);
  await exited;
}

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  await close(server);
  return port;
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

function close(server: Server): Promise<void> {
  return new Promise((resolve, reject) => server.close((error) => (error ? reject(error) : resolve())));
}

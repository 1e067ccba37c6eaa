import { spawn } from 'node:child_process';
import { on } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { kill } from './kinesis-services.js';

/** What a worker needs to know. */
export interface WorkerSettings {
  readonly streamName: string;
  readonly tableName: string;
  /** Where Kinesis listens. */
  readonly kinesis: string;
  /** Where DynamoDB listens. */
  readonly dynamodb: string;
  /** Where it writes what it has worked on. */
  readonly file: string;
}

/** A worker in a process of its own. */
export interface WorkerProcess {
  /** Has it read, and waits until it has worked on its first block. */
  work(): Promise<void>;
  /** Ends it with SIGKILL, at once. */
  kill(): Promise<void>;
  /** What it has worked on so far, in order. */
  processed(): { readonly shardId: string; readonly sequenceNumber: string }[];
}

/** Makes one file of the worker's program, which then starts in a third of the time; gives the file. */
export async function buildWorker(directory: string): Promise<string> {
  const outfile = join(directory, 'worker.mjs');
  await bundleProgram(fileURLToPath(new URL('worker.ts', import.meta.url)), outfile);
  return outfile;
}

/** Makes one file of a program for Node, with the package's sources in it. */
export async function bundleProgram(program: string, outfile: string): Promise<void> {
  await build({
    entryPoints: [program],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    logLevel: 'error',
    // The CommonJS modules in it load Node's own modules.
    banner: { js: "import { createRequire as requireOf } from 'node:module'; globalThis.require = requireOf(import.meta.url);" },
  });
}

/** Starts a worker that waits to be told to work: a process takes a while to start. */
export function startWorker(program: string, settings: WorkerSettings): WorkerProcess {
  const env = { ...process.env, NODE_V8_COVERAGE: undefined, NODE_NO_WARNINGS: '1' };
  const child = spawn(process.execPath, [program, JSON.stringify(settings)], {
    env,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const ended = new AbortController();
  child.once('exit', () => ended.abort());
  const messages = on(child, 'message', { signal: ended.signal });
  const next = async (expected: string): Promise<void> => {
    const { value } = (await messages.next()) as { value: [string] };
    if (value[0] !== expected) throw new Error(`the worker said ${value[0]}, not ${expected}`);
  };

  return {
    work: async () => {
      await next('ready');
      child.send('go');
      await next('working');
    },
    kill: () => kill(child),
    processed: () =>
      readFileSync(settings.file, 'utf8')
        .split('\n')
        // What follows the last newline was not written to its end.
        .slice(0, -1)
        .map((line) => line.split(' '))
        .map(([shardId, sequenceNumber]) => ({ shardId: shardId!, sequenceNumber: sequenceNumber! })),
  };
}

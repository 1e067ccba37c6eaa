import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** What a worker of a fleet needs to know. */
export interface FleetSettings {
  readonly streamName: string;
  readonly tableName: string;
  readonly kinesis: string;
  readonly dynamodb: string;
  readonly file: string;
  readonly workerId: string;
  readonly failoverTimeMs: number;
  /** How long a reader waits after an empty page, in ms. @defaultValue 20 */
  readonly idleDelayMs?: number;
}

/** What a worker of a fleet has told. */
export interface FleetLine {
  readonly at: number;
  readonly workerId: string;
  readonly type: string;
  readonly shardId?: string;
  readonly sequenceNumber?: string;
  readonly start?: unknown;
  readonly reason?: string;
  readonly from?: string;
  readonly error?: string;
}

/** A worker of a fleet in a process of its own. */
export interface FleetProcess {
  readonly workerId: string;
  /** Sends a signal. */
  signal(name: NodeJS.Signals): void;
  /** Sends SIGTERM and waits until it has ended. */
  stop(): Promise<void>;
  kill(): Promise<void>;
  lines(): FleetLine[];
}

/** Makes one file of the program. */
export async function buildFleetProgram(directory: string): Promise<string> {
  const outfile = join(directory, 'fleet.mjs');
  await build({
    entryPoints: [fileURLToPath(new URL('fleet-program.ts', import.meta.url))],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    logLevel: 'error',
    // The CommonJS modules in it load Node's own modules.
    banner: { js: "import { createRequire as requireOf } from 'node:module'; globalThis.require = requireOf(import.meta.url);" },
  });
  return outfile;
}

/** Starts a worker. */
export function startFleetProcess(program: string, settings: FleetSettings): FleetProcess {
  const env = { ...process.env, NODE_V8_COVERAGE: undefined, NODE_NO_WARNINGS: '1' };
  const child = spawn(process.execPath, [program, JSON.stringify(settings)], { env, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  return {
    workerId: settings.workerId,
    signal: (name) => void child.kill(name),
    stop: () => end(child, 'SIGTERM'),
    kill: () => end(child, 'SIGKILL'),
    lines: () => (existsSync(settings.file) ? linesOf(readFileSync(settings.file, 'utf8')) : []),
  };
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
}

/** What follows the last newline was not written to its end. */
function linesOf(text: string): FleetLine[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as FleetLine);
}

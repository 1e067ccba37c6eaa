import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { KinesisEvent } from '../../lib/index.js';
import { bundleProgram } from './worker-process.js';

/** What a watched worker needs to know. */
export interface WatchedWorkerSettings {
  readonly streamName: string;
  readonly tableName: string;
  /** Where Kinesis listens. */
  readonly kinesis: string;
  /** Where DynamoDB listens. */
  readonly dynamodb: string;
  /** How long the work on a block of ten records takes, in ms. */
  readonly workMs: number;
}

/** Makes one file of the worker's program; gives the file. */
export async function buildWatchedWorker(directory: string): Promise<string> {
  const outfile = join(directory, 'watched-worker.mjs');
  await bundleProgram(fileURLToPath(new URL('watched-worker.ts', import.meta.url)), outfile);
  return outfile;
}

/** Starts a worker whose events come here. */
export function startWatchedWorker(program: string, settings: WatchedWorkerSettings, next: (event: KinesisEvent) => void): ChildProcess {
  const child = fork(program, [JSON.stringify(settings)], { env: { ...process.env, NODE_V8_COVERAGE: undefined, NODE_NO_WARNINGS: '1' } });
  child.on('message', (event) => next(event as KinesisEvent));
  return child;
}

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { CACHE } from './kcl-lines.js';
import { ReaderProcess } from './reader-process.js';

/** What a worker of ours needs to know. */
export interface RxSettings {
  readonly streamName: string;
  readonly tableName: string;
  readonly workerId: string;
  /** Where Kinesis and DynamoDB listen. */
  readonly kinesis: string;
  readonly dynamodb: string;
  readonly startFrom?: 'TRIM_HORIZON' | 'LATEST';
  /** How often a checkpoint is written, in ms. Default 200. */
  readonly checkpointMs?: number;
  /** How long the work on a record takes, in ms. Default 0. */
  readonly workMs?: number;
  /** How many records are read at once. Default 1 000. */
  readonly pageRecords?: number;
  /** How often the shards are listed, in ms. Default 1 000. */
  readonly discoveryIntervalMs?: number;
  /** Stops by itself when the reader sees the end of a shard. */
  readonly stopsAtShardEnd?: boolean;
  /** Kills itself just before or just after the end of a shard is written into its row. */
  readonly diesAtShardEnd?: 'before' | 'after';
  /** Further settings of `leaseTable`, as they are. */
  readonly leases?: Readonly<Record<string, unknown>>;
}

/** The program of the worker, made into one file when a run of the specs begins. */
export const RX_PROGRAM = join(CACHE, 'rx-worker.mjs');

/** Starts a worker of ours, in a process of its own. It ends with this process. */
export function startRxWorker(settings: RxSettings): ReaderProcess {
  const child = spawn(process.execPath, [RX_PROGRAM, JSON.stringify(settings)], {
    env: { ...process.env, NODE_NO_WARNINGS: '1' },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  return new ReaderProcess(settings.workerId, child);
}

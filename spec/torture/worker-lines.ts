import { closeSync, openSync, readSync } from 'node:fs';

/** What a worker needs to know. */
export interface TortureSettings {
  readonly streamName: string;
  readonly tableName: string;
  readonly kinesis: string;
  readonly dynamodb: string;
  readonly file: string;
  /** Its name in the rows. */
  readonly workerId: string;
  /** Names this process: another one may have had its `workerId` before. */
  readonly processId: string;
  readonly failoverTimeMs: number;
  /** Whether the blocks of a shard are worked on one after the other, or some at once. */
  readonly inOrder: boolean;
  /** Whether the SDK tries again by itself before the package does. */
  readonly sdkRetries: boolean;
}

/** A line that a worker has written, with the time by the wall clock, which is the same for all processes here. */
export type WorkerLine = { readonly at: number } & (
  | { readonly type: 'begun' | 'stopping' | 'complete' }
  | { readonly type: 'failed'; readonly error: string }
  /** A pipeline for a shard was made. */
  | { readonly type: 'tenure'; readonly shardId: string; readonly tenure: number }
  /** A block is worked on; written, for good, before it can settle. */
  | {
      readonly type: 'block';
      readonly shardId: string;
      readonly tenure: number;
      readonly recovered: boolean;
      readonly numbers: readonly string[];
    }
  | { readonly type: 'event'; readonly event: WorkerEvent }
);

/** An event of the package, with its error as text. */
export interface WorkerEvent {
  readonly type: string;
  readonly shardId?: string;
  readonly reason?: string;
  /** Of `recovered`: how many records were read again. */
  readonly records?: number;
  readonly error?: string;
}

/** Reads what is written to a file, piece by piece. */
export class LineReader {
  readonly #file: number;
  readonly #buffer = Buffer.alloc(1 << 20);
  /** What follows the last newline was not written to its end, so far. */
  #rest = '';

  constructor(path: string) {
    this.#file = openSync(path, 'a+');
  }

  /** The lines that are new. */
  read(): WorkerLine[] {
    let text = this.#rest;
    for (let size; (size = readSync(this.#file, this.#buffer)) > 0;) text += this.#buffer.toString('latin1', 0, size);
    const lines = text.split('\n');
    this.#rest = lines.pop()!;
    return lines.map((line) => JSON.parse(line) as WorkerLine);
  }

  close(): void {
    closeSync(this.#file);
  }
}

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { until } from '../support/until.js';

/** What a worker tells, one JSON line each. A KCL worker and one of ours use the same words. */
export interface WorkerLine {
  /**
   * `worker` (with `state`), `initialize` (a shard begins, `from` a place), `record`, `checkpoint` (it is stored), `shardEnded`,
   * `leaseLost`; others say more.
   */
  readonly event: string;
  /** When, in ms since 1970. All workers of a spec share one clock. */
  readonly at: number;
  readonly shardId: string;
  readonly sequenceNumber: string;
  readonly from?: string;
  readonly state?: string;
}

/** A worker gets so long to stop, then it is killed, in ms. KCL 2.x never completes a graceful stop after it has ended a shard. */
const STOP_WITHIN_MS = 30_000;

/** A process that reads a stream and tells what it does. */
export class ReaderProcess {
  readonly name: string;
  readonly lines: WorkerLine[] = [];
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  readonly #read: Promise<unknown>;

  /** @param child - has its standard output piped. */
  constructor(name: string, child: ChildProcess) {
    this.name = name;
    this.#child = child;
    this.#exited = once(child, 'exit');
    const output = createInterface({ input: child.stdout! });
    this.#read = once(output, 'close');
    output.on('line', (text) => this.#take(text));
  }

  /** The lines of one event, in order. */
  of(event: string): WorkerLine[] {
    return this.lines.filter((line) => line.event === event);
  }

  get records(): WorkerLine[] {
    return this.of('record');
  }

  /** Whether the process is gone. */
  get hasExited(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Waits for `condition`; fails at once when the worker ends before it holds. */
  async until(what: string, condition: () => boolean | Promise<boolean>, deadlineMs = 120_000): Promise<void> {
    await until(
      `${this.name}: ${what}`,
      async () => {
        const gone = this.hasExited;
        if (await condition()) return true;
        if (gone) throw new Error(`${this.name} ended before this: ${what}. Its last lines: ${JSON.stringify(this.lines.slice(-3))}`);
        return false;
      },
      deadlineMs,
    );
  }

  /** Waits until the worker has read so many records. */
  hasRead(count: number, deadlineMs?: number): Promise<void> {
    return this.until(`${count} records are read`, () => this.records.length >= count, deadlineMs);
  }

  /** Waits until so many shards have begun, the same shard twice counting as two. */
  hasBegun(shards: number, deadlineMs?: number): Promise<void> {
    return this.until(`${shards} shards have begun`, () => this.of('initialize').length >= shards, deadlineMs);
  }

  /** Asks the worker to stop, with SIGTERM, and waits until its process is gone and all that it told is here; kills it after `withinMs`. */
  async stop(withinMs = STOP_WITHIN_MS): Promise<void> {
    this.signal('SIGTERM');
    const overdue = new AbortController();
    const late = pause(withinMs, undefined, { signal: overdue.signal }).then(
      () => this.signal('SIGKILL'),
      () => undefined,
    );
    await this.#gone();
    overdue.abort();
    await late;
  }

  /** Ends the worker at once, with SIGKILL. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.#gone();
  }

  /** Sends a signal, unless the process is gone. */
  signal(signal: NodeJS.Signals): void {
    if (!this.hasExited && this.#child.pid !== undefined) process.kill(this.#child.pid, signal);
  }

  /** Waits until the worker has ended by itself. */
  async ended(deadlineMs = 120_000): Promise<void> {
    await until(`${this.name} ends by itself`, () => this.hasExited, deadlineMs);
    await this.#gone();
  }

  async #gone(): Promise<void> {
    if (!this.hasExited) await this.#exited;
    await this.#read;
  }

  #take(text: string): void {
    // A killed process may leave half a line.
    if (text.startsWith('{') && text.endsWith('}')) this.lines.push(JSON.parse(text) as WorkerLine);
  }
}

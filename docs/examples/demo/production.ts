import type { ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { BehaviorSubject, filter, firstValueFrom, Subject } from 'rxjs';
import type { PaceMessage, ProducerMessage, ProducerOptions } from './messages.js';
import { exitOf, startScript } from './processes.js';
import type { Produced } from './verification.js';

/** The producer process, seen from its parent. */
export class Production {
  /** How many flights are in the stream. */
  readonly produced$ = new BehaviorSubject(0);
  /** Emits when the producer fails. */
  readonly crash$ = new Subject<Error>();
  readonly #options: ProducerOptions;
  #child: ChildProcess | undefined;

  constructor(options: ProducerOptions) {
    this.#options = options;
  }

  start(): void {
    const child = startScript('producer.ts', this.#options);
    this.#child = child;
    child.on('message', (message) => this.produced$.next((message as ProducerMessage).produced));
    child.once('exit', (code, signal) => {
      if (code !== 0) this.crash$.next(new Error(`the producer ended by itself (${signal ?? `exit code ${code}`})`));
    });
  }

  /** Lets so many flights come at the usual pace. On a slow machine, what is to go wrong could come too late otherwise. */
  allow(fastUpTo: number): void {
    const message: PaceMessage = { fastUpTo };
    this.#child?.send(message);
  }

  /** Resolves when so many flights are in the stream. */
  async reached(count: number): Promise<void> {
    await firstValueFrom(this.produced$.pipe(filter((produced) => produced >= count)));
  }

  /** Resolves when the producer has ended and its log is complete. */
  async finished(): Promise<void> {
    if (this.#child) await exitOf(this.#child);
  }

  /** Where each flight went. */
  async readLog(): Promise<Produced[]> {
    const lines = (await readFile(this.#options.logFile, 'utf8')).split('\n');
    // What follows the last line break is nothing, or a line that is being written.
    return lines.slice(0, -1).map((line) => JSON.parse(line) as Produced);
  }
}

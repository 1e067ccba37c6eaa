import type { ChildProcess } from 'node:child_process';
import { Subject } from 'rxjs';
import type { ParentMessage, WorkerMessage, WorkerOptions } from './messages.js';
import { exitOf, kill, startScript } from './processes.js';

/** A worker, seen from its parent. */
export class WorkerProcess {
  readonly name: string;
  /** What it tells. */
  readonly messages$ = new Subject<WorkerMessage>();
  /** Emits when it ends and nobody ended it. */
  readonly crash$ = new Subject<Error>();
  readonly #child: ChildProcess;
  #isToEnd = false;

  constructor(options: WorkerOptions) {
    this.name = options.name;
    this.#child = startScript('worker.ts', options);
    this.#child.on('message', (message) => this.messages$.next(message as WorkerMessage));
    this.#child.once('exit', (code, signal) => {
      if (!this.#isToEnd) this.crash$.next(new Error(`worker ${this.name} ended by itself (${signal ?? `exit code ${code}`})`));
    });
  }

  tell(message: ParentMessage): void {
    // One that was killed need not hear it.
    if (this.#child.connected) this.#child.send(message, () => undefined);
  }

  /** Kills it with SIGKILL. */
  async kill(): Promise<void> {
    this.#isToEnd = true;
    await kill(this.#child);
  }

  /** Asks it to finish; gives its exit code, or `undefined` when it took too long and had to be killed. */
  async stop(patienceMs: number): Promise<number | undefined> {
    this.#isToEnd = true;
    this.tell({ type: 'stop' });
    const impatience = setTimeout(() => this.#child.kill('SIGKILL'), patienceMs);
    const code = await exitOf(this.#child);
    clearTimeout(impatience);
    return code;
  }
}

import type { ChildProcess } from 'node:child_process';
import { BehaviorSubject, filter, firstValueFrom, Subject } from 'rxjs';
import type { KinesisEvent } from '../../../lib/index.js';
import { STOP, type WorkerMessage, type WorkerOptions } from './messages.js';
import { exitOf, kill, startScript } from './processes.js';
import { countEvent, EMPTY_TALLY, type Tally } from './tally.js';

/** How long it took from killing a worker until its successor had processed something new, in ms. */
export interface Takeover {
  readonly totalMs: number;
  /** The part of it that the successor's process took to start and to load its code. */
  readonly startMs: number;
}

/** A worker process, and after it is killed the next one. */
export class Workers {
  /** How many records all workers have saved. */
  readonly processed$ = new BehaviorSubject(0);
  /** Emits when a worker ends that nobody ended. */
  readonly crash$ = new Subject<Error>();
  /** What the workers tell. */
  readonly events$ = new Subject<KinesisEvent>();
  readonly takeovers: Takeover[] = [];
  readonly #options: WorkerOptions;
  readonly #messages$ = new Subject<WorkerMessage>();
  #tally: Tally = EMPTY_TALLY;
  #child: ChildProcess | undefined;

  constructor(options: WorkerOptions) {
    this.#options = options;
  }

  get tally(): Tally {
    return this.#tally;
  }

  start(): void {
    const child = startScript('worker.ts', this.#options);
    this.#child = child;
    child.on('message', (message) => this.#receive(message as WorkerMessage));
    child.once('exit', (code, signal) => {
      if (this.#child === child) this.crash$.next(new Error(`the worker ended by itself (${signal ?? `exit code ${code}`})`));
    });
  }

  /**
   * Kills the worker with SIGKILL once it has something to leave behind, starts another, and waits until that one has saved
   * a record that was not saved before.
   */
  async killAndRestart(): Promise<Takeover> {
    await firstValueFrom(this.processed$.pipe(filter((processed) => processed > 0)));
    const killedMs = performance.now();
    const sinceKill = (): number => performance.now() - killedMs;
    await this.#release(kill);

    const ready = this.#next((message) => message.type === 'ready');
    const working = this.#next((message) => message.type === 'saved' && message.fresh > 0);
    this.start();
    await ready;
    const startMs = sinceKill();
    await working;
    const takeover = { totalMs: sinceKill(), startMs };
    this.takeovers.push(takeover);
    return takeover;
  }

  /** Asks the worker to finish; gives its exit code, or `undefined` when it took too long and had to be killed. */
  stop(patienceMs: number): Promise<number | undefined> {
    return this.#release(async (child) => {
      child.send(STOP);
      const impatience = setTimeout(() => child.kill('SIGKILL'), patienceMs);
      const code = await exitOf(child);
      clearTimeout(impatience);
      return code;
    });
  }

  /** That the child ends is no crash from here on. */
  async #release<T>(end: (child: ChildProcess) => Promise<T>): Promise<T | undefined> {
    const child = this.#child;
    this.#child = undefined;
    return child && end(child);
  }

  #next(isIt: (message: WorkerMessage) => boolean): Promise<WorkerMessage> {
    return firstValueFrom(this.#messages$.pipe(filter(isIt)));
  }

  #receive(message: WorkerMessage): void {
    if (message.type === 'event') {
      this.#tally = countEvent(this.#tally, message.event);
      this.events$.next(message.event);
    }
    if (message.type === 'saved') this.processed$.next(message.processed);
    this.#messages$.next(message);
  }
}

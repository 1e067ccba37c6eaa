import { clearLine, cursorTo } from 'node:readline';
import { integer, seconds } from './format.js';

/** How things stand. */
export interface Progress {
  readonly produced: number;
  readonly processed: number;
  /** How many there are to come. */
  readonly flights: number;
  readonly checkpoints: number;
}

const BAR_WIDTH = 14;

/** Shows progress each second: on a terminal always in the same line, elsewhere line by line. */
export class ProgressDisplay {
  readonly #startedMs = performance.now();
  readonly #progress: () => Progress;
  #timer: NodeJS.Timeout | undefined;

  constructor(progress: () => Progress) {
    this.#progress = progress;
  }

  get elapsedMs(): number {
    return performance.now() - this.#startedMs;
  }

  start(): void {
    this.#timer = setInterval(() => this.#draw(), 1_000);
  }

  /** Tells what happens, in a line that stays. */
  readonly say = (text: string): void => {
    this.#erase();
    process.stdout.write(`${this.#time()}  ${text}\n`);
    if (process.stdout.isTTY && this.#timer) this.#draw();
  };

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#erase();
  }

  #draw(): void {
    this.#erase();
    const line = `${this.#time()}  ${progressLine(this.#progress())}`;
    // A line that wraps could not be erased.
    process.stdout.write(process.stdout.isTTY ? line.slice(0, process.stdout.columns - 1) : `${line}\n`);
  }

  #erase(): void {
    if (!process.stdout.isTTY) return;
    cursorTo(process.stdout, 0);
    clearLine(process.stdout, 0);
  }

  #time(): string {
    return seconds(this.elapsedMs).padStart(7);
  }
}

/** A bar in which what is processed is full, what is produced only is hatched, and what is still to come is empty. */
export function progressLine({ produced, processed, flights, checkpoints }: Progress): string {
  const full = Math.floor((BAR_WIDTH * processed) / flights);
  const hatched = Math.floor((BAR_WIDTH * Math.max(produced, processed)) / flights) - full;
  const bar = '█'.repeat(full) + '▒'.repeat(hatched) + '·'.repeat(BAR_WIDTH - full - hatched);
  const numbers = `produced ${integer(produced)}, processed ${integer(processed)}, checkpoints ${integer(checkpoints)}`;
  return `▕${bar}▏ ${numbers}`;
}

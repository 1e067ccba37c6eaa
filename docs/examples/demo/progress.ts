import { SingleBar } from 'cli-progress';
import { integer, seconds } from './format.js';

/** How things stand. */
export interface Progress {
  readonly produced: number;
  readonly processed: number;
  /** How many there are to come. */
  readonly flights: number;
  readonly checkpoints: number;
}

/** How often the bar moves on a terminal, and how often there is a line elsewhere, in ms. */
const BAR_MS = 200;
const LINE_MS = 1_000;

/** Shows progress from the first second on: a bar in one line on a terminal, line by line elsewhere. */
export class ProgressDisplay {
  readonly #startedMs = performance.now();
  readonly #progress: () => Progress;
  readonly #bar = new SingleBar({
    format: '{time}  {bar}  {numbers}',
    barsize: 14,
    barCompleteChar: '█',
    barIncompleteChar: '·',
    hideCursor: true,
    clearOnComplete: true,
    linewrap: false,
  });
  #timer: NodeJS.Timeout | undefined;

  constructor(progress: () => Progress) {
    this.#progress = progress;
  }

  get elapsedMs(): number {
    return performance.now() - this.#startedMs;
  }

  start(): void {
    if (isTerminal()) this.#startBar();
    else this.#timer = setInterval(() => process.stdout.write(`${this.#time()}  ${numbersOf(this.#progress())}\n`), LINE_MS);
  }

  /** Tells what happens, in a line that stays. */
  readonly say = (text: string): void => {
    const wasRunning = isTerminal() && this.#timer !== undefined;
    if (wasRunning) this.stop();
    process.stdout.write(`${this.#time()}  ${text}\n`);
    if (wasRunning) this.#startBar();
  };

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    if (isTerminal()) this.#bar.stop();
  }

  #startBar(): void {
    const { processed, flights } = this.#progress();
    this.#bar.start(flights, processed, this.#payload());
    this.#timer = setInterval(() => this.#bar.update(this.#progress().processed, this.#payload()), BAR_MS);
  }

  #payload(): { time: string; numbers: string } {
    return { time: this.#time(), numbers: numbersOf(this.#progress()) };
  }

  #time(): string {
    return seconds(this.elapsedMs).padStart(7);
  }
}

/** `produced 1 200, processed 1 000, checkpoints 3`. */
export function numbersOf({ produced, processed, checkpoints }: Progress): string {
  return `produced ${integer(produced)}, processed ${integer(processed)}, checkpoints ${integer(checkpoints)}`;
}

function isTerminal(): boolean {
  return process.stdout.isTTY;
}

import { SingleBar } from 'cli-progress';
import { integer, percent, seconds } from './format.js';
import type { Figures } from './watch.js';

/** How things stand. */
export interface Progress {
  readonly produced: number;
  readonly processed: number;
  /** How many there are to come. */
  readonly flights: number;
  /** Blocks that are stored and not loaded. */
  readonly waiting: number;
  readonly checkpoints: number;
  readonly figures: Figures;
}

/** How often the bar moves on a terminal, and how often there is a line elsewhere, in ms. */
const BAR_MS = 200;
const LINE_MS = 1_000;

/** Shows progress from the first second on: a bar in one line on a terminal, line by line elsewhere. */
export class ProgressDisplay {
  readonly #startedMs = performance.now();
  readonly #progress: () => Progress;
  readonly #bar = new SingleBar({
    format: '{time} {bar} {numbers}',
    barsize: 4,
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
    else this.#timer = setInterval(() => process.stdout.write(`${this.#time()}  ${lineOf(this.#progress())}\n`), LINE_MS);
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
    return { time: this.#time(), numbers: shortLineOf(this.#progress()) };
  }

  #time(): string {
    return seconds(this.elapsedMs).padStart(7);
  }
}

/**
 * `produced 1 200, processed 1 000, blocks waiting 4, lag 0.4 s, checkpoints 3 (100 %), throttled 0 %`: the checkpoints that were written, and
 * how many of those tried.
 */
export function lineOf({ produced, processed, waiting, checkpoints, figures: { lagMs, checkpointSuccess, throttled } }: Progress): string {
  const counts = `produced ${integer(produced)}, processed ${integer(processed)}, blocks waiting ${integer(waiting)}`;
  return `${counts}, lag ${lag(lagMs)}, checkpoints ${integer(checkpoints)} (${percent(checkpointSuccess)}), throttled ${percent(throttled)}`;
}

/** In short, beside a bar: `1 000 of 20 000, lag 0.4 s, checkpoints 100 %, throttled 0 %`. */
export function shortLineOf({ processed, flights, figures: { lagMs, checkpointSuccess, throttled } }: Progress): string {
  const figures = `lag ${lag(lagMs)}, checkpoints ${percent(checkpointSuccess)}, throttled ${percent(throttled)}`;
  return `${integer(processed)} of ${integer(flights)}, ${figures}`;
}

function lag(lagMs: number | undefined): string {
  return lagMs === undefined ? '-' : seconds(lagMs);
}

function isTerminal(): boolean {
  return process.stdout.isTTY;
}

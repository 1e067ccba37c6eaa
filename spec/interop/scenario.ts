import { setTimeout as pause } from 'node:timers/promises';
import { kclLines, type KclLine } from './kcl-lines.js';
import { Lab } from './lab.js';
import { leftOut, runs } from './left-out.js';

/** How a scenario runs. */
export interface ScenarioConfig {
  /** Shards of the stream at first. Default 2. */
  readonly shards?: number;
  /** Which lines of the KCL it runs with. Default all. */
  readonly lines?: readonly KclLine[];
}

/** A scenario that takes longer has failed, in ms. The longest waits are for a leader of KCL 3.x. */
const LIMIT_MS = 280_000;
/** Then there is time to write down what the workers told. */
const REPORT_MS = 15_000;

/**
 * A spec with each line of the KCL. Those that NEEDS_COORDINATOR lists by `id` are left out, which is said at the beginning and
 * at the end of a run. What the workers told is kept in a file.
 */
export function scenario(id: string, title: string, play: (lab: Lab) => Promise<void>, config: ScenarioConfig = {}): void {
  const { shards = 2, lines = kclLines } = config;
  const listed = leftOut();
  for (const line of lines.filter((each) => runs(id, each, listed))) {
    it(`${title} (${id}, KCL ${line.version})`, async function () {
      this.timeout(LIMIT_MS + REPORT_MS);
      const lab = await Lab.open(line, id, shards);
      try {
        await within(LIMIT_MS, play(lab));
      } catch (error) {
        (error as Error).message += `\n      (told in full in ${lab.reportFile})`;
        throw error;
      } finally {
        await lab.report();
        await lab.close();
      }
    });
  }
}

async function within(limitMs: number, work: Promise<void>): Promise<void> {
  const done = new AbortController();
  const late = pause(limitMs, undefined, { signal: done.signal }).then(
    () => Promise.reject(new Error(`is not over after ${limitMs} ms`)),
    () => undefined,
  );
  try {
    await Promise.race([work, late]);
  } finally {
    done.abort();
  }
}

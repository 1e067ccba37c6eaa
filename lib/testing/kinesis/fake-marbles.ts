import { InvalidConfigError } from '../../values/errors.js';

/** The content of a shard's marbles. */
export interface ShardMarbles {
  readonly arrivals: ReadonlyArray<{ readonly letter: string; readonly atMs: number }>;
  /** The time of `|`, or else `Infinity`. */
  readonly closedAtMs: number;
}

/**
 * Reads a shard's marbles: RxJS's diagrams as in `TestScheduler.run`, with records as letters.
 *
 * @remarks It does not use RxJS's own parser, which outside `TestScheduler.run` gives a character ten frames, but a ms of ` 30s ` only one.
 */
export function readMarbles(marbles: string): ShardMarbles {
  const marks = readMarks(marbles);
  const zeroMs = marks.find(({ mark }) => mark === '^')?.atMs ?? 0;
  const timed = marks.map(({ mark, atMs }) => ({ letter: mark, atMs: atMs - zeroMs }));
  return {
    arrivals: timed.filter(({ letter }) => letter !== '|' && letter !== '^'),
    closedAtMs: timed.find(({ letter }) => letter === '|')?.atMs ?? Infinity,
  };
}

/** ` 30s ` between spaces, or one character. */
const TOKEN = /(?<=^|\s)(?<amount>\d+(?:\.\d+)?)(?<unit>ms|s|m)(?=\s)|[^]/gu;
const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000 };

function readMarks(marbles: string): Array<{ readonly mark: string; readonly atMs: number }> {
  const marks: Array<{ readonly mark: string; readonly atMs: number }> = [];
  let frame = 0;
  let groupFrame: number | undefined;
  for (const { 0: token, groups: { amount, unit } = {} } of marbles.matchAll(TOKEN)) {
    if (amount !== undefined && unit !== undefined) {
      frame += Number(amount) * (UNITS_MS[unit] ?? 1);
    } else if (token.trim() !== '') {
      if (token === '(') groupFrame = frame;
      else if (token === ')') groupFrame = undefined;
      else if ('#!'.includes(token))
        throw new InvalidConfigError(`a shard's marbles have no ${token}, got ${JSON.stringify(marbles)}; see faults`);
      else if (token !== '-') marks.push({ mark: token, atMs: groupFrame ?? frame });
      frame++;
    }
  }
  return marks;
}

import { fencesOf } from './fences.js';

/** The marbles of a page's diagram by the names before them; the first diagram unless another is asked for. */
export function diagram(page: string, index = 0): Readonly<Record<string, string>> {
  const diagrams = fencesOf(`docs/operators/${page}.md`).filter(({ info }) => info === 'marbles');
  const lines = diagrams[index]?.text.split('\n') ?? [];
  const named = lines.flatMap((line) => {
    const [, name, marbles] = /^(\w+): +(.*?)\s*(?:\/\/.*)?$/.exec(line) ?? [];
    return name === undefined || marbles === undefined ? [] : [[name, marbles] as const];
  });
  // A name that is missing must fail the spec that asks for it, and not run it with `undefined`.
  return new Proxy(Object.fromEntries(named), {
    get: (found: Record<string, string>, name: string) => {
      if (!(name in found)) throw new Error(`${page}: no marbles are called ${name}`);
      return found[name];
    },
  });
}

/** The frame of each letter of some marbles, in order. */
export function framesOf(marbles: string): Array<{ readonly letter: string; readonly frame: number }> {
  const frames: Array<{ readonly letter: string; readonly frame: number }> = [];
  let groupFrame: number | undefined;
  [...marbles].forEach((letter, frame) => {
    if (letter === '(') groupFrame = frame;
    else if (letter === ')') groupFrame = undefined;
    else if (!'-=|^'.includes(letter)) frames.push({ letter, frame: groupFrame ?? frame });
  });
  return frames;
}

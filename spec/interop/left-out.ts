import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { KclLine } from './kcl-lines.js';

/** A scenario that does not run yet. */
export interface LeftOut {
  readonly scenario: string;
  readonly major: KclLine['major'];
  readonly reason: string;
}

const here = fileURLToPath(new URL('.', import.meta.url));
/** One scenario a line: the major versions of the KCL, the scenario, the reason. */
const ENTRY = /^([23](?:,[23])?) +([a-z0-9-]+) +(\S.*)$/;

/** What the file NEEDS_COORDINATOR lists. Fails on an entry that names no scenario, since nobody would ever miss it. */
export function leftOut(): LeftOut[] {
  const lines = readFileSync(new URL('NEEDS_COORDINATOR', import.meta.url), 'utf8').split('\n');
  const known = knownScenarios();
  return lines
    .filter((line) => line !== '' && !line.startsWith('#'))
    .flatMap((line) => {
      const [, majors, scenario, reason] = ENTRY.exec(line) ?? [];
      if (!known.has(scenario!)) throw new Error(`NEEDS_COORDINATOR: no spec has a scenario as in "${line}"`);
      return majors!.split(',').map((major) => ({ scenario: scenario!, major: Number(major) as KclLine['major'], reason: reason! }));
    });
}

/** `INTEROP=all` runs also what is listed, `INTEROP=left-out` only that. */
const mode = process.env.INTEROP ?? '';
if (!['', 'all', 'left-out'].includes(mode)) throw new Error(`INTEROP: expected all or left-out, got ${mode}`);

/** Whether a scenario runs now. */
export function runs(scenario: string, { major }: KclLine, listed: readonly LeftOut[]): boolean {
  const isListed = listed.some((entry) => entry.scenario === scenario && entry.major === major);
  return isListed ? mode !== '' : mode !== 'left-out';
}

/** Says on the console what does not run. */
export function sayWhatIsLeftOut(): void {
  if (mode === 'left-out') console.warn('NOT RUN: all that NEEDS_COORDINATOR does not list');
  if (mode !== '') return;
  for (const { scenario, major, reason } of leftOut()) console.warn(`NOT RUN: ${scenario} with KCL ${major}.x: ${reason}`);
}

function knownScenarios(): Set<string> {
  const specs = readdirSync(here).filter((file) => file.endsWith('.spec.ts'));
  const texts = specs.map((file) => readFileSync(new URL(file, import.meta.url), 'utf8'));
  return new Set(texts.flatMap((text) => [...text.matchAll(/\bscenario\(\s*'([^']+)'/g)].map(([, id]) => id!)));
}

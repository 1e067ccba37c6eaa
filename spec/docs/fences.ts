import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the checkout. */
export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** One fenced piece of a page, or of an `@example` in the code. */
export interface Fence {
  /** Where it stands, from the checkout's folder. */
  readonly file: string;
  /** The line of its first line, from 1. */
  readonly line: number;
  /** What stands behind the opening backticks, such as `ts run`. */
  readonly info: string;
  readonly text: string;
}

/** The hand-written pages: the README and all of `docs` but what is generated. */
export function pages(): string[] {
  return ['README.md', ...filesUnder('docs', '.md').filter((file) => !file.startsWith('docs/api/'))];
}

/** The files below a folder whose names end like this, from the checkout's folder. */
export function filesUnder(folder: string, ending: string): string[] {
  const entries = readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
    .sort();
}

/** The text of a file of the checkout. */
export function read(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8');
}

/** The fences of a page, in order. */
export function fencesOf(file: string): Fence[] {
  return fencesIn(file, read(file).split('\n'));
}

/** The fences of the `@example`s in a source file, in order. */
export function exampleFencesOf(file: string): Fence[] {
  const lines = read(file).split('\n');
  return fencesIn(
    file,
    lines.map((line) => line.replace(/^\s*\* ?/, '')),
  );
}

function fencesIn(file: string, lines: readonly string[]): Fence[] {
  const fences: Fence[] = [];
  let open: { line: number; info: string; indent: number; lines: string[] } | undefined;
  lines.forEach((line, i) => {
    const mark = /^(\s*)```\s*(.*)$/.exec(line);
    if (!mark) open?.lines.push(line.slice(open.indent));
    else if (!open) open = { line: i + 2, info: mark[2]!.trim(), indent: mark[1]!.length, lines: [] };
    else {
      fences.push({ file, line: open.line, info: open.info, text: open.lines.join('\n') });
      open = undefined;
    }
  });
  if (open) throw new Error(`${file}: the fence before line ${open.line} is not closed`);
  return fences;
}

/** How a fence is called in the list of specs. */
export function titleOf({ file, line }: Fence): string {
  return `${file}:${line}`;
}

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A line of the Amazon KCL that is still in use. */
export interface KclLine {
  readonly major: 2 | 3;
  /** The newest version of the line that Maven Central has. */
  readonly version: string;
}

export const kclLines: readonly KclLine[] = [
  { major: 2, version: '2.7.2' },
  { major: 3, version: '3.5.1' },
];

const here = fileURLToPath(new URL('.', import.meta.url));

/** The Maven project of the worker. */
export const POM = join(here, 'pom.xml');

/** Where everything that is built for these specs lies: git ignores it. */
export const CACHE = fileURLToPath(new URL('../../.tmp/interop/', import.meta.url));

/** Where a line's worker is built: another folder for each state of its sources, so that what lies there is never out of date. */
export function buildDirectory({ version }: KclLine): string {
  const hash = createHash('sha256');
  const sources = ['KclWorker.java', 'Deaggregator.java'].map((file) => join(here, 'java/kclworker', file));
  for (const source of [POM, ...sources]) hash.update(readFileSync(source));
  return join(CACHE, `kcl-${version}-${hash.digest('hex').slice(0, 12)}`);
}

/** Maven puts the jars of the libraries there last of all, but not at once: this file says that all are there. */
export function builtMark(line: KclLine): string {
  return join(buildDirectory(line), 'built');
}

/** The lines whose worker is not built yet. */
export function unbuiltLines(): KclLine[] {
  return kclLines.filter((line) => !existsSync(builtMark(line)));
}

/** Which of the programs that a KCL worker needs this machine lacks; `undefined` when it has them. */
export function missingPrograms(): string | undefined {
  const programs = unbuiltLines().length > 0 ? { java: '-version', javac: '-version', mvn: '--version' } : { java: '-version' };
  const missing = Object.entries(programs).filter(([name, flag]) => spawnSync(name, [flag], { stdio: 'ignore' }).status !== 0);
  return missing.length > 0 ? `no ${missing.map(([name]) => name).join(', no ')} on this machine` : undefined;
}

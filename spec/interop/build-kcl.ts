import { rm, writeFile } from 'node:fs/promises';
import { exec } from '../support/exec.js';
import { buildDirectory, builtMark, POM, unbuiltLines, type KclLine } from './kcl-lines.js';

/*
 * Builds the KCL workers that are not built yet. Maven keeps what it downloads where it always does, so a second checkout
 * needs no network.
 */
for (const line of unbuiltLines()) {
  console.log(`building a worker of KCL ${line.version}`);
  await build(line);
}

async function build(line: KclLine): Promise<void> {
  const out = buildDirectory(line);
  await rm(out, { recursive: true, force: true });
  const definitions = [`-Dkcl.version=${line.version}`, `-Dout=${out}`, '-Dmaven.test.skip=true'];
  await exec('mvn', ['--quiet', '--batch-mode', `--file=${POM}`, ...definitions, 'package'], process.cwd());
  await writeFile(builtMark(line), '');
}

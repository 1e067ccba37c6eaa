import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { ROOT, type Fence } from './fences.js';

const execFileAsync = promisify(execFile);
/** What lets Node run TypeScript. */
const TSX = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;

/** Runs a fence as a program of its own, as a reader would. Gives what it prints; rejects when it fails or does not end. */
export async function runFence({ text }: Fence): Promise<string> {
  const folder = await mkdtemp(join(ROOT, 'docs', '.fence-'));
  try {
    const file = join(folder, 'example.mts');
    await writeFile(file, text);
    const { stdout } = await execFileAsync(process.execPath, ['--import', TSX, file], {
      cwd: ROOT,
      // Coverage of two processes that load the same file is merged wrongly: lines that ran would count as not run.
      env: { ...process.env, NODE_V8_COVERAGE: undefined },
      timeout: 30_000,
    });
    return stdout;
  } finally {
    await rm(folder, { recursive: true });
  }
}

import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT, type Fence } from './fences.js';

const execFileAsync = promisify(execFile);

/** Runs a fence as a program of its own, as a reader would. Gives what it prints; rejects when it fails or does not end. */
export async function runFence({ text }: Fence): Promise<string> {
  const folder = await mkdtemp(join(ROOT, 'docs', '.fence-'));
  try {
    const file = join(folder, 'example.mts');
    await writeFile(file, text);
    const { stdout } = await execFileAsync(process.execPath, ['--import', import.meta.resolve('tsx'), file], { cwd: ROOT, timeout: 30_000 });
    return stdout;
  } finally {
    await rm(folder, { recursive: true });
  }
}

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Runs a program in `cwd` and gives its standard output; what it prints stands in the error's message when it fails. */
export async function exec(program: string, args: readonly string[], cwd: string): Promise<string> {
  // Coverage is of lib/ in this process: collecting it in compilers and packers would only cost time.
  const env = { ...process.env, NODE_V8_COVERAGE: undefined };
  try {
    const { stdout } = await promisify(execFile)(program, args, { cwd, env, maxBuffer: 64 * 1024 * 1024 });
    return stdout;
  } catch (error) {
    // The message has the standard error already; compilers and linters report on the standard output.
    const failure = error as Error & { stdout: string };
    failure.message += failure.stdout;
    throw failure;
  }
}

/** Runs a script with this Node. */
export function node(args: readonly string[], cwd: string): Promise<string> {
  return exec(process.execPath, args, cwd);
}

import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** The child processes of the demo that have not ended. */
const running = new Set<ChildProcess>();

/** Starts a script of this folder; it finds `options` on its command line. */
export function startScript(file: string, options: object): ChildProcess {
  const script = fileURLToPath(new URL(file, import.meta.url));
  // In the very process that is made, so that its id is the one to kill.
  const child = fork(script, [JSON.stringify(options)], { execArgv: ['--import', import.meta.resolve('tsx')] });
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

/** Resolves when the child has ended; gives its exit code, or `undefined` when a signal ended it. */
export async function exitOf(child: ChildProcess): Promise<number | undefined> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return child.exitCode ?? undefined;
}

/** Ends a child at once, without a chance for it to do anything. */
export async function kill(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
  await exitOf(child);
}

/** Ends whatever still runs. The signals are sent before this returns. */
export async function killAll(): Promise<void> {
  await Promise.all([...running].map(kill));
}

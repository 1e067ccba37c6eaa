import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { builtFile } from './built.js';

// Coverage of two processes that load the same file is merged wrongly.
// The SDK's word on the versions of Node that it will support some day would stand between the figures.
const env = {
  ...process.env,
  NODE_V8_COVERAGE: undefined,
  AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
  AWS_SDK_JS_SUPPRESS_MAINTENANCE_MODE_MESSAGE: 'true',
};

/** Starts a file of this folder in a process of its own, with the code of `lib`. */
export function startChild(file: string, argument: object): ChildProcess {
  const execArgv = ['--import', 'tsx'];
  return fork(fileURLToPath(new URL(file, import.meta.url)), [JSON.stringify(argument)], { execArgv, env });
}

/** Starts a file of this folder in a process of its own, with the built code of `dist`, as users run it. */
export async function startBuilt(file: string, argument: object, execArgv: readonly string[] = []): Promise<ChildProcess> {
  return fork(await builtFile(file), [JSON.stringify(argument)], { execArgv: [...execArgv], env });
}

/** Runs a file of this folder as {@link startBuilt} does, to its first message. */
export async function resultOf<T>(file: string, argument: object, execArgv?: readonly string[]): Promise<T> {
  const child = await startBuilt(file, argument, execArgv);
  try {
    const result = await messageOf<T>(child);
    // It ends by itself, and may write a profile before.
    if (child.exitCode === null) await once(child, 'exit');
    return result;
  } finally {
    child.kill();
  }
}

/** The first message of a child; an error when it ends without one. */
export async function messageOf<T>(child: ChildProcess): Promise<T> {
  const controller = new AbortController();
  const { signal } = controller;
  try {
    return await Promise.race([
      once(child, 'message', { signal }).then(([message]) => message as T),
      once(child, 'exit', { signal }).then(([code]) => {
        throw new Error(`${child.spawnargs.at(-1)}: ended with code ${String(code)} and without a result`);
      }),
    ]);
  } finally {
    controller.abort();
  }
}

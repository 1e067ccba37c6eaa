import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** Starts a file of this folder in a process of its own. */
export function startChild(file: string, argument: object): ChildProcess {
  return fork(fileURLToPath(new URL(file, import.meta.url)), [JSON.stringify(argument)], {
    execArgv: ['--import', import.meta.resolve('tsx')],
    // Coverage of two processes that load the same file is merged wrongly.
    // The SDK's word on the versions of Node that it will support some day would stand between the figures.
    env: { ...process.env, NODE_V8_COVERAGE: undefined, AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
  });
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

import type { RootHookObject } from 'mocha';

/**
 * Keeps the warnings that the package writes without `events` out of the report: most specs provoke faults on purpose. A spec of the
 * warnings themselves puts a stub over `console.warn`.
 */
export const mochaHooks: RootHookObject = {
  beforeAll() {
    const { warn } = console;
    console.warn = (...args: unknown[]) => {
      if (!String(args[0]).startsWith('rx-kinesis: ')) warn.apply(console, args);
    };
  },
};

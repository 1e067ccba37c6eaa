import { randomUUID } from 'node:crypto';

/* What the processes of `mocha --parallel` need; all of them, and the one that starts them, load this before any spec. */

/** The variable with the name of this run: its processes inherit it from the one that starts them. */
export const RUN_ID = 'SPEC_RUN_ID';
process.env[RUN_ID] ??= randomUUID();

// Lets a process write its coverage: mocha kills one by SIGTERM that has not exited after a second, and V8 takes longer than that to write what it
// knows of this package.
if (process.env['MOCHA_WORKER_ID'] !== undefined) process.once('exit', () => process.on('SIGTERM', () => undefined));

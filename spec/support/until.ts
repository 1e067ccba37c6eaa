import { setTimeout as pause } from 'node:timers/promises';

/** How often to look again, in ms. */
const LOOK_EVERY_MS = 10;

/** A deadline for what a service in another process does: for specs with a time limit of their own above it. */
export const SERVICE_DEADLINE_MS = 20_000;

/**
 * Waits until `condition` holds, and fails with `what` was waited for when it does not within `deadlineMs`.
 *
 * @param deadlineMs - must be below the time limit of the spec, or its message never shows. The default is below mocha's own.
 */
export async function until(what: string, condition: () => boolean | Promise<boolean>, deadlineMs = 8_000): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited ${deadlineMs} ms in vain: ${what}`);
    await pause(LOOK_EVERY_MS);
  }
}

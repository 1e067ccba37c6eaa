import { setTimeout as pause } from 'node:timers/promises';

/** How often to look again, in ms. */
const LOOK_EVERY_MS = 10;

/** Waits until `condition` holds, and fails with `what` was waited for when it does not within `deadlineMs`. */
export async function until(what: string, condition: () => boolean | Promise<boolean>, deadlineMs = 20_000): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited ${deadlineMs} ms in vain: ${what}`);
    await pause(LOOK_EVERY_MS);
  }
}

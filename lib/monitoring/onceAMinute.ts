import type { SchedulerLike } from 'rxjs';

/**
 * Returns a function that lets one call a minute pass for each key: it returns how many calls it has held back since the last one that passed,
 * or `undefined` for a call that it holds back.
 *
 * @remarks Forgets a key ten minutes after its last call that passed. A clock that was set back holds nothing back.
 */
export function onceAMinute(scheduler: SchedulerLike): (key: string) => number | undefined {
  /** The oldest first. */
  const passed = new Map<string, Passed>();

  return (key) => {
    const nowMs = scheduler.now();
    const last = passed.get(key);
    if (last && nowMs >= last.atMs && nowMs - last.atMs < QUIET_MS) {
      last.heldBack++;
      return undefined;
    }
    passed.delete(key);
    passed.set(key, { atMs: nowMs, heldBack: 0 });
    for (const [old, { atMs }] of passed) {
      if (nowMs - atMs < FORGET_AFTER_MS) break;
      passed.delete(old);
    }
    return last?.heldBack ?? 0;
  };
}

/** The last call of one key that passed. */
interface Passed {
  readonly atMs: number;
  /** How many calls were held back since. */
  heldBack: number;
}

const QUIET_MS = 60_000;
const FORGET_AFTER_MS = 600_000;

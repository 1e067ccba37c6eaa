import type { SchedulerLike } from 'rxjs';

/**
 * Counts how often it was called within the last `windowMs`, this call among them; `Infinity` counts all.
 *
 * @remarks Keeps the time of each call within the window. A call that lies in the future, since the clock was set back, no longer counts.
 */
export function countWithin(windowMs: number, scheduler: SchedulerLike): () => number {
  let timesMs: number[] = [];
  let calls = 0;
  return () => {
    if (windowMs === Infinity) return ++calls;
    const nowMs = scheduler.now();
    timesMs = [...timesMs.filter((timeMs) => timeMs <= nowMs && nowMs - timeMs < windowMs), nowMs];
    return timesMs.length;
  };
}

import type { SchedulerLike } from 'rxjs';

/**
 * Returns a function that counts its own calls within the last `windowMs`, the current one included; `Infinity` counts all.
 *
 * @remarks Keeps the time of each call within the window. After the clock was set back, calls that lie in the future no longer count.
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

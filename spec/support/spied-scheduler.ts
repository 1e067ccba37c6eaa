import type { SchedulerLike } from 'rxjs';

/** A scheduler that works as another one does, and what it was given to do. */
export interface SpiedScheduler<S extends SchedulerLike> {
  readonly spied: S;
  /** The delays of all work, in ms. */
  readonly delaysMs: readonly number[];
  /** The same with the times at which it was scheduled, such as `1+500`. */
  readonly work: readonly string[];
}

export function spiedScheduler<S extends SchedulerLike>(scheduler: S): SpiedScheduler<S> {
  const delaysMs: number[] = [];
  const work: string[] = [];
  const spied = Object.create(scheduler, {
    schedule: {
      value: (...args: Parameters<SchedulerLike['schedule']>) => {
        const [, delayMs = 0] = args;
        delaysMs.push(delayMs);
        work.push(`${scheduler.now()}+${delayMs}`);
        return scheduler.schedule(...args);
      },
    },
  }) as S;
  return { spied, delaysMs, work };
}

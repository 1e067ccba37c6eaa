import { asyncScheduler, timer, type Observable, type SchedulerLike } from 'rxjs';

/** What happened when, such as `3 a` and `7 complete`; filled while virtual time goes on. */
export type Timeline = string[];

/** Subscribes, and notes each value with the time at which it came, and the end. Unsubscribes at `untilMs`. */
export function timelineOf(source$: Observable<unknown>, untilMs = Infinity, scheduler: SchedulerLike = asyncScheduler): Timeline {
  const timeline: Timeline = [];
  const note = (text: string): void => void timeline.push(`${scheduler.now()} ${text}`);
  const subscription = source$.subscribe({
    next: (value) => note(String(value)),
    error: (error: unknown) => note(`error ${(error as { code?: string }).code ?? String(error)}`),
    complete: () => note('complete'),
  });
  if (untilMs < Infinity) timer(untilMs, scheduler).subscribe(() => subscription.unsubscribe());
  return timeline;
}

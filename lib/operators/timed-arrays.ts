import { Observable, type OperatorFunction, type SchedulerLike, type Subscription } from 'rxjs';
import { subscribeWithin } from '../internal/subscribe-within.js';

/** When an array ends. */
export interface TimedArraysOptions {
  /** How long after its first value, in ms. */
  readonly delayMs: number;
  readonly scheduler: SchedulerLike;
  /** With how many values at the latest. */
  readonly maxLength: number;
}

/**
 * Collects values in arrays. The first value of an array schedules its end, so that nothing is scheduled while no value comes. Completion ends
 * an array that has begun; an error drops it.
 */
export function timedArrays<T>({ delayMs, scheduler, maxLength }: TimedArraysOptions): OperatorFunction<T, T[]> {
  // One subscriber in place of `connect`, `buffer` and `auditTime`: a Subject makes garbage for each value.
  return (source) =>
    new Observable<T[]>((subscriber) => {
      let values: T[] = [];
      let end: Subscription | undefined;
      const emit = (): void => {
        const ended = values;
        values = [];
        subscriber.next(ended);
      };
      subscriber.add(() => end?.unsubscribe());
      subscribeWithin(subscriber, source, {
        next: (value) => {
          const length = values.push(value);
          if (length === maxLength) {
            end?.unsubscribe();
            emit();
          } else if (length === 1) end = scheduler.schedule(emit, delayMs);
        },
        complete: () => {
          if (values.length > 0) emit();
          subscriber.complete();
        },
      });
    });
}

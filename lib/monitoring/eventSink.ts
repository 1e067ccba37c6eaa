import type { Observer, SchedulerLike } from 'rxjs';
import { InvalidConfigError } from '../values/errors.js';
import type { EventSink, KinesisEvent, UntimedEvent, WithoutTime } from './events.js';
import { warnings } from './warnings.js';

/** Where events go: to an observer, to nobody, or (`undefined`) as {@link warnings} to the console. */
export type EventsConfig<E extends KinesisEvent = KinesisEvent> = Pick<Observer<E>, 'next'> | 'silent' | undefined;

/**
 * Makes the function that the package calls with its events; it adds the time to each. It ignores errors that the observer throws, and
 * promises that reject: they must not stop the reading.
 *
 * @throws InvalidConfigError when `events` is neither an observer, nor `'silent'`, nor `undefined`.
 */
export function eventSink<E extends KinesisEvent>(events: EventsConfig<E>, scheduler: SchedulerLike): (event: WithoutTime<E>) => void {
  if (events === 'silent') return () => undefined;
  if (events === undefined) return ignoringFaults(warnings(scheduler));
  if (typeof (events as Partial<typeof events> | null)?.next !== 'function')
    throw new InvalidConfigError("events: expected an observer (an object with next) or 'silent'");
  return ignoringFaults((event) => events.next({ at: scheduler.now(), ...event } as unknown as E));
}

function ignoringFaults(sink: (event: UntimedEvent) => unknown): EventSink {
  return (event) => {
    try {
      const result = sink(event) as Partial<PromiseLike<unknown>> | undefined;
      if (typeof result?.then === 'function') result.then(undefined, () => undefined);
    } catch {
      // The error is the observer's own: it is ignored, as documented.
    }
  };
}

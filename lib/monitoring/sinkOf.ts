import type { Observer, SchedulerLike } from 'rxjs';
import { InvalidConfigError } from '../values/errors.js';
import type { EventSink, KinesisEvent, UntimedEvent, WithoutTime } from './events.js';

/** Where events go: to an observer, to nobody, or (`undefined`) to the console. */
export type EventsConfig<E extends KinesisEvent = KinesisEvent> = Pick<Observer<E>, 'next'> | 'silent' | undefined;

/**
 * Makes the sink that the package tells its events, which says when each happened. What the observer throws, or rejects with, is ignored:
 * it must not stop the reading.
 *
 * @param unheard - makes the sink for when nobody listens.
 * @throws InvalidConfigError when `events` is no such thing.
 */
export function sinkOf<E extends KinesisEvent>(
  events: EventsConfig<E>,
  scheduler: SchedulerLike,
  unheard: () => EventSink,
): (event: WithoutTime<E>) => void {
  if (events === 'silent') return () => undefined;
  if (events === undefined) return ignoringFaults(firstMade(unheard));
  if (typeof (events as Partial<typeof events> | null)?.next !== 'function')
    throw new InvalidConfigError("events: expected an observer (an object with next) or 'silent'");
  return ignoringFaults((event) => events.next({ at: scheduler.now(), ...event } as unknown as E));
}

/** Makes the sink at its first event: most of those that are made for a shard never hear of one. */
function firstMade(make: () => EventSink): EventSink {
  let sink: EventSink | undefined;
  return (event) => (sink ??= make())(event);
}

function ignoringFaults(sink: (event: UntimedEvent) => unknown): EventSink {
  return (event) => {
    try {
      const result = sink(event) as Partial<PromiseLike<unknown>> | undefined;
      if (typeof result?.then === 'function') result.then(undefined, () => undefined);
    } catch {
      // The observer's own fault: reported to nobody, as documented.
    }
  };
}

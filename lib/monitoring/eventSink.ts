import type { SchedulerLike } from 'rxjs';
import type { KinesisEvent, WithoutTime } from './events.js';
import { sinkOf, type EventsConfig } from './sinkOf.js';
import { warnings } from './warnings.js';

/** The sink of events that go, when nobody listens, as {@link warnings} to the console. @throws InvalidConfigError */
export function eventSink<E extends KinesisEvent>(events: EventsConfig<E>, scheduler: SchedulerLike): (event: WithoutTime<E>) => void {
  return sinkOf(events, scheduler, () => warnings(scheduler));
}

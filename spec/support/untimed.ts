import type { KinesisEvent, UntimedEvent } from '../../lib/monitoring/events.js';

/** Events without their times, to be compared by what they say. */
export function untimed(events: readonly KinesisEvent[]): UntimedEvent[] {
  return events.map(({ at: _, ...event }) => event);
}

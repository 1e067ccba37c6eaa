import type { SchedulerLike } from 'rxjs';
import { messageOf, placeOf } from './event-message.js';
import type { EventSink } from './events.js';
import { levelOf } from './levels.js';
import { onceAMinute } from './onceAMinute.js';

/**
 * The sink without the option `events`: it writes warnings and errors with `console.warn`, one line each, {@link onceAMinute} for each
 * kind of event and shard. The line ends with the event's name, which the tables of the guides use.
 *
 * @param write - takes the lines.
 */
export function warnings(scheduler: SchedulerLike, write: (line: string) => void = toConsole): EventSink {
  const heldBackFor = onceAMinute(scheduler);

  return (event) => {
    const level = levelOf(event);
    if (level !== 'warn' && level !== 'error') return;
    const heldBack = heldBackFor(`${event.type} ${event.type === 'blockStoreFailed' ? event.action : placeOf(event)}`);
    if (heldBack === undefined) return;
    write(`rx-kinesis: ${messageOf(event)} [${event.type}]${heldBack > 0 ? ` (and ${heldBack} more since the last such line)` : ''}`);
  };
}

function toConsole(line: string): void {
  console.warn(line);
}

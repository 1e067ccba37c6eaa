import type { SchedulerLike } from 'rxjs';
import { messageOf, placeOf } from './event-message.js';
import type { EventSink } from './events.js';
import { levelOf } from './levels.js';

/**
 * The sink without the option `events`: it writes warnings and errors with `console.warn`, one line each, at most once a minute for each
 * kind of event and shard.
 *
 * @param write - takes the lines.
 */
export function warnings(scheduler: SchedulerLike, write: (line: string) => void = toConsole): EventSink {
  /** The oldest first. */
  const written = new Map<string, Written>();

  const forgetBefore = (nowMs: number): void => {
    for (const [key, { atMs }] of written) {
      if (nowMs - atMs < FORGET_AFTER_MS) return;
      written.delete(key);
    }
  };

  return (event) => {
    const level = levelOf(event);
    if (level !== 'warn' && level !== 'error') return;
    const nowMs = scheduler.now();
    const key = `${event.type} ${event.type === 'blockStoreFailed' ? event.action : placeOf(event)}`;
    const last = written.get(key);
    // A clock that was set back suppresses nothing.
    if (last && nowMs >= last.atMs && nowMs - last.atMs < QUIET_MS) {
      last.unwritten++;
      return;
    }
    written.delete(key);
    written.set(key, { atMs: nowMs, unwritten: 0 });
    forgetBefore(nowMs);
    write(`rx-kinesis: ${messageOf(event)}${last?.unwritten ? ` (and ${last.unwritten} more since the last such line)` : ''}`);
  };
}

/** One kind of event of one shard. */
interface Written {
  readonly atMs: number;
  /** How many such events were not written since. */
  unwritten: number;
}

const QUIET_MS = 60_000;
const FORGET_AFTER_MS = 600_000;

function toConsole(line: string): void {
  console.warn(line);
}

import type { Observer } from 'rxjs';
import { assertKnownFields, assertMethod } from '../internal/validate.js';
import { InvalidConfigError, type Fault } from '../values/errors.js';
import { messageOf } from './event-message.js';
import type { KinesisEvent } from './events.js';
import { EVENT_LEVELS, levelOf, type EventLevel } from './levels.js';
import { shownError } from './shown-error.js';
import { shown } from '../values/shown.js';

/** A logger that {@link logEvents} can write to: pino, Nest's `Logger`, winston, bunyan, `console`, or the like. */
export interface EventLogger {
  /** Takes what is lost or has ended. */
  error(...args: readonly unknown[]): unknown;
  /** Takes what is not as it should be, but passes. */
  warn(...args: readonly unknown[]): unknown;
  /** Takes the steps in the life of shards; without it `log` does, as in Nest's. */
  info?(...args: readonly unknown[]): unknown;
  /** Takes what `info` would, where there is no `info`. */
  log?(...args: readonly unknown[]): unknown;
  /** Takes routine events; without it they are not written. */
  debug?(...args: readonly unknown[]): unknown;
}

/** How {@link logEvents} writes. */
export interface LogEventsConfig {
  /**
   * The least level that is written: `'error'`, `'warn'`, `'info'` or `'debug'`.
   * @defaultValue 'debug', and the logger decides; 'info' for the global `console`, which can leave nothing out
   */
  readonly level?: EventLevel | undefined;
  /**
   * Whether the logger takes the fields before the message, as pino and bunyan do.
   * @defaultValue true if the logger has no method `log`: pino and bunyan have none; Nest's, winston and `console` have one
   */
  readonly fieldsFirst?: boolean | undefined;
}

/**
 * Makes an observer for the option `events` that writes each event to a logger: a message for people, and the event's fields.
 *
 * @remarks
 * Levels: `error` when something is lost or has ended, such as `shardFailed` and `gap`; `warn` when something is not as it should be, such
 * as `shardRestarted`, `readRetry` and `checkpointFailed`; `info` for the steps in a shard's life; `debug` for routine events such as
 * `pageRead` and `blockSettled`. The table in the guide "Events" has all of them.
 *
 * The fields are those of the event, with `event` for its type and `error` reduced to what is safe to log: no credential, payload or key.
 * The messages of errors that your own pipeline throws are kept. Buffers nothing and limits nothing: filter by
 * level in the logger, or by the option `level`.
 *
 * @throws InvalidConfigError when `logger` is not a logger, and for an unknown level.
 *
 * @example
 * ```ts
 * kinesisStream({ client, streamName: 'flights', startFrom: 'LATEST', store, stop, events: logEvents(console) });
 * ```
 */
export function logEvents(logger: EventLogger, config: LogEventsConfig = {}): Pick<Observer<KinesisEvent>, 'next'> {
  for (const method of ['error', 'warn'] as const) assertMethod('logger', logger, method);
  if (typeof logger.info !== 'function' && typeof logger.log !== 'function')
    throw new InvalidConfigError('logger: expected a method info, or log');
  assertKnownFields(config, { level: true, fieldsFirst: true });
  // Node and most terminals show what is written by console.debug: a first log would be one line for each page.
  const { level = logger === console ? 'info' : 'debug', fieldsFirst = typeof logger.log !== 'function' } = config;
  const least = EVENT_LEVELS.indexOf(level);
  if (least < 0) throw new InvalidConfigError(`level: expected one of ${EVENT_LEVELS.join(', ')}, got ${shown(level)}`);
  if (typeof fieldsFirst !== 'boolean') throw new InvalidConfigError(`fieldsFirst: expected true or false, got ${typeof fieldsFirst}`);

  return {
    // Returns the logger's result, so that the caller handles a promise that rejects.
    next: (event) => {
      const eventLevel = levelOf(event);
      if (EVENT_LEVELS.indexOf(eventLevel) > least) return undefined;
      const args = [messageOf(event), fieldsOf(event)];
      return write(logger, eventLevel, fieldsFirst ? args.reverse() : args);
    },
  };
}

function write(logger: EventLogger, level: EventLevel, args: readonly unknown[]): unknown {
  if (level === 'info' && typeof logger.info !== 'function') return logger.log?.(...args);
  return logger[level]?.(...args);
}

function fieldsOf(event: KinesisEvent): object {
  const { type, ...fields } = event;
  const error = shownError(event);
  return { event: type, ...fields, ...(error && { error: withoutNothings(error) }) };
}

function withoutNothings(fault: Fault): object {
  const fields = Object.entries({ ...fault, cause: fault.cause && withoutNothings(fault.cause) });
  return Object.fromEntries(fields.filter(([, value]) => value !== undefined));
}

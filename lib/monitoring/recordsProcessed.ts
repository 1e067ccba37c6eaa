import type { OperatorFunction } from 'rxjs';
import { counted } from './counted.js';
import type { KinesisEvent } from './events.js';
import { windowOf, type WindowConfig } from './window-config.js';

/**
 * How many records were settled, over a sliding window.
 *
 * @remarks
 * A record that is delivered again after a crash or a restart, and settled again, counts again. Emits a number at each multiple of `everyMs` from the
 * subscription on; once `undefined` when nothing was settled in the window, and then nothing, without a timer, until a block is settled again.
 * Keeps two numbers for each slot of the window, and no event. Errors and completes with the events, at once.
 *
 * @throws InvalidConfigError when called with a window that cannot be.
 *
 * @example
 * ```ts
 * const events = new Subject<KinesisEvent>();
 * const perSecond$ = events.pipe(recordsProcessed({ windowMs: 60_000 }), map((records) => records && records / 60));
 * ```
 */
export function recordsProcessed(config: WindowConfig = {}): OperatorFunction<KinesisEvent, number | undefined> {
  return counted(
    (event) => (event.type === 'blockSettled' ? [event.records, 1] : undefined),
    ({ part }) => part,
    windowOf(config),
  );
}

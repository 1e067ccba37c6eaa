import type { OperatorFunction } from 'rxjs';
import { counted, share, type Count } from './counted.js';
import type { KinesisEvent } from './events.js';
import { windowOf, type WindowConfig } from './window-config.js';

/**
 * The part of the writes of checkpoints that succeeded, from 0 to 1, over a sliding window.
 *
 * @remarks
 * Counts tries: a write that fails and succeeds at its second try is one of two. Emits a number at each multiple of `everyMs` from the subscription
 * on; once `undefined` when the window has emptied, and then nothing, without a timer, until a checkpoint is written again. Keeps two
 * numbers for each slot of the window, and no event. Errors and completes with the events, at once.
 *
 * @throws InvalidConfigError when called with a window that cannot be.
 *
 * @example
 * ```ts
 * const events = new Subject<KinesisEvent>();
 * events.pipe(checkpointSuccessRate({ windowMs: 300_000, everyMs: 10_000 })).subscribe((rate) => console.log(rate));
 * ```
 */
export function checkpointSuccessRate(config: WindowConfig = {}): OperatorFunction<KinesisEvent, number | undefined> {
  return counted(countOf, share, windowOf(config));
}

function countOf({ type }: KinesisEvent): Count {
  if (type === 'checkpointWritten') return [1, 1];
  return type === 'checkpointFailed' ? [0, 1] : undefined;
}

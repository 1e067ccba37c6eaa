import type { OperatorFunction } from 'rxjs';
import { counted, type Count } from './counted.js';
import type { KinesisEvent } from './events.js';
import { windowOf, type WindowConfig } from './window-config.js';

/**
 * How often something had to be recovered, in recoveries per second of processing, over a sliding window.
 *
 * @remarks
 * A recovery is a `recoveryStarted`: of one shard, also one that has lost nothing but its reading. Processing is each slot of `everyMs` in which records
 * were read, made into blocks or settled, or a recovery began: a consumer that has nothing to do does not make the rate look better. Emits a number, 0 while
 * nothing had to be recovered, at each multiple of `everyMs` from the subscription on; once `undefined` when nothing was processed in the window,
 * and then nothing, without a timer. Keeps two numbers for each slot of the window, and no event. Errors and completes with the events, at once.
 *
 * @throws InvalidConfigError when called with a window that cannot be.
 *
 * @example
 * ```ts
 * const events = new Subject<KinesisEvent>();
 * const perHour$ = events.pipe(recoveryRate({ windowMs: 600_000 }), map((rate) => rate && rate * 3_600));
 * ```
 */
export function recoveryRate(config: WindowConfig = {}): OperatorFunction<KinesisEvent, number | undefined> {
  const window = windowOf(config);
  const slotSeconds = window.everyMs / 1_000;
  return counted(countOf, ({ part, busySlots }) => part / (busySlots * slotSeconds), window);
}

function countOf(event: KinesisEvent): Count {
  switch (event.type) {
    case 'recoveryStarted':
      return [1, 1];
    case 'pageRead':
      return event.records > 0 ? PROCESSING : undefined;
    case 'blockOpened':
    case 'blockSettled':
      return PROCESSING;
    default:
      return undefined;
  }
}

const PROCESSING: Count = [0, 1];

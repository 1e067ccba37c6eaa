import { catchError, concatMap, defer, filter, map, of, reduce, repeat, take, type Observable } from 'rxjs';
import { requestFault } from '../internal/aws-errors.js';
import { delayOf } from '../internal/delay.js';
import { inLanes } from './in-lanes.js';
import type { LeaseContext } from './lease-context.js';
import { peekIntervalMs } from './lookIntervalMs.js';

/** How many rows are read at a time. */
const LANES = 20;

/** Reads the rows that have the other workers' pulses, instead of the whole table. */
export class PulseWatch {
  readonly #context: LeaseContext;
  #failures = 0;

  constructor(context: LeaseContext) {
    this.#context = context;
  }

  /**
   * Emits once, when the table should be looked at: a row could not be read, or what was read is no reason to do without a look.
   *
   * @param isEnough - whether the pulses, as they were seen last, are such a reason.
   */
  called(isEnough: () => boolean): Observable<unknown> {
    const { scheduler } = this.#context.config;
    return defer(() => delayOf(this.#waitMs(), scheduler)).pipe(
      concatMap(() => this.#peek()),
      repeat(),
      filter((isRead) => !isRead || !isEnough()),
      take(1),
    );
  }

  /** Until the next read, which comes at the latest when the first of the pulses has stood still for too long. */
  #waitMs(): number {
    const { observer, clock, config } = this.#context;
    const leftMs = observer.pulses.leftMs(config.workerId, clock.nowMs(), config.failoverTimeMs);
    return Math.max(1, Math.min(peekIntervalMs(config), leftMs));
  }

  /** Reads each row once; emits whether all could be read. */
  #peek(): Observable<boolean> {
    const { observer, port, clock, config } = this.#context;
    const peek = (key: string): Observable<boolean> =>
      defer(() => port.peek(key)).pipe(
        map((row) => {
          this.#failures = 0;
          if (row) observer.note(row, clock.nowMs());
          return row !== undefined;
        }),
        catchError((error: unknown) => {
          const { notify, workerId } = config;
          notify({ type: 'leaseRequestFailed', workerId, action: 'look', attempt: ++this.#failures, reason: requestFault(error), error });
          return of(false);
        }),
      );
    return inLanes(observer.pulses.keys(config.workerId), LANES, peek).pipe(reduce((all, isRead) => all && isRead, true));
  }
}

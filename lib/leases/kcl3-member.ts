import { catchError, defer, EMPTY, ignoreElements, tap, type Observable } from 'rxjs';
import { requestFault } from '../internal/aws-errors.js';
import type { LeaseContext } from './lease-context.js';
import type { TableView } from './lease-port.js';

/** How often workers of KCL 3 say that they are there. */
const PUBLISH_MS = 30_000;
/** For how long a leader of KCL 3 holds its lock without a heartbeat. */
const LEADER_MS = 120_000;
/** In these modes the leader assigns the leases; in the others workers take them as in 2.x. */
const ASSIGNED = new Set(['CLIENT_VERSION_3X', 'CLIENT_VERSION_3X_WITH_ROLLBACK']);

/**
 * Makes this worker a member of a KCL 3 fleet, where the table shows that there is one.
 *
 * @remarks
 * The leader assigns leases to workers that say each half minute that they are there. Where it does so, this worker takes nothing by itself: it
 * renews what it is assigned and hands over what the leader assigns to others. Without a leader that lives, as in a fleet of
 * this package alone, it takes leases as KCL 2.x does. The row by which it says so is written only where KCL 3 has put such rows
 * already: a KCL 2.x worker cannot scan a table that has them.
 */
export class Kcl3Member {
  readonly #context: LeaseContext;
  #clientVersion: string | undefined;
  #heartbeat: string | undefined;
  #heartbeatAtMs = 0;
  #publishedAtMs = -Infinity;
  #failures = 0;

  constructor(context: LeaseContext) {
    this.#context = context;
  }

  /** Enters what a look at the table showed. */
  look({ clientVersion, leaderHeartbeat }: TableView): void {
    this.#clientVersion = clientVersion;
    if (leaderHeartbeat === this.#heartbeat) return;
    this.#heartbeat = leaderHeartbeat;
    this.#heartbeatAtMs = this.#context.clock.nowMs();
  }

  /** Whether a leader assigns the leases. */
  get isAssigned(): boolean {
    const isLed = this.#heartbeat !== undefined && this.#context.clock.nowMs() - this.#heartbeatAtMs <= LEADER_MS;
    return isLed && ASSIGNED.has(this.#clientVersion ?? '');
  }

  /** Says that this worker is there, when that is due; never errors. */
  publish(): Observable<never> {
    return defer(() => {
      const { port, config, clock } = this.#context;
      const nowMs = clock.nowMs();
      if (this.#clientVersion === undefined || nowMs - this.#publishedAtMs < PUBLISH_MS) return EMPTY;
      return port.publishWorker(config.workerId, Math.floor(config.scheduler.now() / 1_000)).pipe(
        tap({
          complete: () => {
            this.#publishedAtMs = nowMs;
            this.#failures = 0;
          },
        }),
        this.#telling('publish'),
      );
    });
  }

  /** Takes that back, so that the leader assigns nothing more; never errors. */
  withdraw(): Observable<never> {
    return defer(() => {
      const { port, config } = this.#context;
      if (this.#publishedAtMs === -Infinity) return EMPTY;
      this.#publishedAtMs = -Infinity;
      this.#clientVersion = undefined;
      return port.withdrawWorker(config.workerId).pipe(this.#telling('withdraw'));
    });
  }

  #telling(action: 'publish' | 'withdraw') {
    const { notify, workerId } = this.#context.config;
    return (source: Observable<unknown>): Observable<never> =>
      source.pipe(
        ignoreElements(),
        catchError((error: unknown) => {
          notify({ type: 'leaseRequestFailed', workerId, action, attempt: ++this.#failures, reason: requestFault(error), error });
          return EMPTY;
        }),
      );
  }
}

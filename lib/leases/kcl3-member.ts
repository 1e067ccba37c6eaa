import { catchError, defer, EMPTY, ignoreElements, tap, type Observable } from 'rxjs';
import type { LeaseContext } from './lease-context.js';
import type { TableView } from './lease-port.js';

/** How often workers of KCL 3 write that they are alive. */
const PUBLISH_MS = 30_000;
/** How long a leader of KCL 3 holds its lock without a heartbeat. */
const LEADER_MS = 120_000;
/** In these modes the leader assigns the leases; in the others workers take them as in 2.x. */
const ASSIGNED = new Set(['CLIENT_VERSION_3X', 'CLIENT_VERSION_3X_WITH_ROLLBACK']);

/**
 * Makes this worker a member of a KCL 3 fleet, if the table shows that there is one.
 *
 * @remarks
 * The leader assigns leases to workers that write every half minute that they are alive. Where a leader assigns, this worker takes nothing
 * by itself: it renews the leases that it is assigned, and hands over those that the leader assigns to others. Without a live leader, as in
 * a fleet of this package alone, it follows its own assignment. It writes its row of a worker only where KCL 3 has its own rows already:
 * a KCL 2.x worker cannot scan a table with them.
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

  /** Takes the result of a look at the table. */
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

  /** Writes that this worker is alive, when that is due; never errors. */
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

  /** Deletes this worker's row, so that the leader assigns nothing more to it; never errors. */
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
          notify({ type: 'leaseRequestFailed', workerId, action, attempt: ++this.#failures, error });
          return EMPTY;
        }),
      );
  }
}

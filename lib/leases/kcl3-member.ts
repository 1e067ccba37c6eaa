import { catchError, defer, EMPTY, ignoreElements, tap, type Observable } from 'rxjs';
import { requestFault } from '../internal/aws-errors.js';
import type { LeaseContext } from './lease-context.js';
import type { TableView } from './lease-port.js';
import type { AssignmentRule } from './planLeases.js';

/** How often workers of KCL 3 write that they are alive. */
const PUBLISH_MS = 30_000;
/** How long a leader of KCL 3 holds its lock without a heartbeat, unless its row says otherwise. */
const LEADER_MS = 120_000;
/** In these modes the leader assigns the leases; in the others workers take them as in 2.x. */
const ASSIGNED = new Set(['CLIENT_VERSION_3X', 'CLIENT_VERSION_3X_WITH_ROLLBACK']);

/**
 * Makes this worker a member of a KCL 3 fleet, if the table shows that there is one.
 *
 * @remarks
 * The leader assigns leases to workers that write every half minute that they are alive. Where a leader assigns, this worker takes nothing
 * by itself: it renews the leases that it is assigned, and hands over those that the leader assigns to others. Without a live leader, as in
 * a fleet of this package alone, it follows its own assignment, but steals nothing: KCL's workers will have a next leader, which moves leases
 * without a repeat. It writes its row of a worker only where KCL 3 has its own rows already: a KCL 2.x worker cannot scan a table with them.
 */
export class Kcl3Member {
  readonly #context: LeaseContext;
  #clientVersion: string | undefined;
  #heartbeat: string | undefined;
  #heartbeatAtMs = 0;
  #leaderMs = LEADER_MS;
  #publishedAtMs = -Infinity;
  #failures = 0;

  constructor(context: LeaseContext) {
    this.#context = context;
  }

  /** Takes the result of a look at the table. */
  look({ clientVersion, leaderHeartbeat, leaderLeaseMs = LEADER_MS }: TableView): void {
    this.#clientVersion = clientVersion;
    this.#leaderMs = leaderLeaseMs;
    if (leaderHeartbeat === this.#heartbeat) return;
    this.#heartbeat = leaderHeartbeat;
    this.#heartbeatAtMs = this.#context.clock.nowMs();
  }

  /** Whether there is a KCL 3 in the table: its workers do not ring, and its leader balances them by their load. */
  get isBesideKcl3(): boolean {
    return this.#clientVersion !== undefined;
  }

  /** Who decides which leases this worker gets. */
  get rule(): AssignmentRule {
    if (!ASSIGNED.has(this.#clientVersion ?? '')) return 'taken';
    const isLed = this.#heartbeat !== undefined && this.#context.clock.nowMs() - this.#heartbeatAtMs <= this.#leaderMs;
    return isLed ? 'assigned' : 'leaderless';
  }

  /** Writes that this worker is alive, when that is due; never errors. */
  publish(): Observable<never> {
    return defer(() => {
      const { port, config, clock } = this.#context;
      const nowMs = clock.nowMs();
      if (!this.isBesideKcl3 || nowMs - this.#publishedAtMs < PUBLISH_MS) return EMPTY;
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
          notify({ type: 'leaseRequestFailed', workerId, action, attempt: ++this.#failures, reason: requestFault(error), error });
          return EMPTY;
        }),
      );
  }
}

import type { Observable } from 'rxjs';
import type { LeaseRow, NewLease } from './lease.js';
import type { LeaseUpdate } from './lease-updates.js';

/** The table as one look at it shows. */
export interface TableView {
  readonly leases: readonly LeaseRow[];
  /** Rows of shards that cannot be read as leases. */
  readonly unreadable: readonly UnreadableRow[];
  /** How the workers of KCL 3 assign leases, where its row says so: `CLIENT_VERSION_3X`, `CLIENT_VERSION_UPGRADE_FROM_2X`, … */
  readonly clientVersion?: string;
  /** Changes with each heartbeat of the KCL 3 worker that assigns leases; absent while there is none. */
  readonly leaderHeartbeat?: string;
  /** For how long that worker counts as there without a heartbeat, in ms, where its row says so. */
  readonly leaderLeaseMs?: number;
}

/** A row that says less than a lease must. */
export interface UnreadableRow {
  readonly leaseKey: string;
  readonly error: Error;
}

/**
 * Access to a lease table, as cold Observables of one value: each subscription is one request, unsubscribing aborts it.
 *
 * @remarks Conflicts are values, since they are part of the protocol: `false` says that the row was not as the condition demands.
 */
export interface LeasePort {
  /** Reads the whole table. May be a little behind. */
  scan(): Observable<TableView>;
  /** Reads one row, as it is after all writes that have succeeded. */
  get(leaseKey: string): Observable<LeaseRow | undefined>;
  /** Makes a row; `false`: there is one. */
  create(lease: NewLease): Observable<boolean>;
  /** Changes single attributes of a row. */
  update(leaseKey: string, update: LeaseUpdate): Observable<boolean>;
  /** Deletes a row that still has this counter. */
  remove(leaseKey: string, leaseCounter: number): Observable<boolean>;
  /** Says to KCL 3's leader that this worker is there, by the wall clock. */
  publishWorker(workerId: string, epochSeconds: number): Observable<unknown>;
  /** Takes that back. */
  withdrawWorker(workerId: string): Observable<unknown>;
}

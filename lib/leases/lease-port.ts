import type { Observable } from 'rxjs';
import type { LeaseRow, NewLease } from './lease.js';
import type { LeaseUpdate } from './lease-updates.js';

/** The table at one look. */
export interface TableView {
  readonly leases: readonly LeaseRow[];
  /** The rows of shards that cannot be read as leases. */
  readonly unreadable: readonly UnreadableRow[];
  /** How the workers of KCL 3 assign leases, where its row says so: `CLIENT_VERSION_3X`, `CLIENT_VERSION_UPGRADE_FROM_2X`, … */
  readonly clientVersion?: string;
  /** Changes with each heartbeat of the KCL 3 worker that assigns leases; absent while there is none. */
  readonly leaderHeartbeat?: string;
  /** How long that worker counts as alive without a heartbeat, in ms, if its row says so. */
  readonly leaderLeaseMs?: number;
}

/** A row without the attributes that a lease must have. */
export interface UnreadableRow {
  readonly leaseKey: string;
  readonly error: Error;
}

/**
 * Access to a lease table, as cold Observables of one value: each subscription is one request, unsubscribing aborts it.
 *
 * @remarks Conflicts are values, since they are part of the protocol: `false` means that the row did not meet the condition.
 */
export interface LeasePort {
  /** Reads the whole table. It may miss the latest writes, unless it is to be consistent: that costs twice as much. */
  scan(isConsistent: boolean): Observable<TableView>;
  /** Reads one row consistently: it has all writes that have succeeded. */
  get(leaseKey: string): Observable<LeaseRow | undefined>;
  /** Reads one row; it may miss the latest writes. */
  peek(leaseKey: string): Observable<LeaseRow | undefined>;
  /** Adds 1 to `rings` of a row whose shard is not ended, and changes nothing else. */
  ring(leaseKey: string): Observable<boolean>;
  /** Makes a row; emits `false` when there is one. */
  create(lease: NewLease): Observable<boolean>;
  /** Changes single attributes of a row. */
  update(leaseKey: string, update: LeaseUpdate): Observable<boolean>;
  /** Deletes a row if it still has this counter. */
  remove(leaseKey: string, leaseCounter: number): Observable<boolean>;
  /** Writes for KCL 3's leader that this worker is alive, with the time of the wall clock. */
  publishWorker(workerId: string, epochSeconds: number): Observable<unknown>;
  /** Deletes that row. */
  withdrawWorker(workerId: string): Observable<unknown>;
}

import { asyncScheduler, concatMap, defer, NEVER, of, throwError, timer, type Observable, type SchedulerLike } from 'rxjs';
import { resolveLeaseConfig, type LeaseConfig } from '../../leases/lease-config.js';
import type { LeaseRow } from '../../leases/lease.js';
import type { LeasePort } from '../../leases/lease-port.js';
import { leaseStore, type LeaseStore } from '../../leases/leaseStore.js';
import { toShardId, type ShardName } from '../shard-name.js';
import { FakeLeaseRows } from './fake-lease-rows.js';

/** A lease table in memory, and the workers that share it. */
export interface FakeLeases {
  /** A store for one worker, for its `kinesisStream`. The rules are those of `leaseTable`, whose config it takes. */
  worker(workerId: string, config?: Omit<LeaseConfig, 'workerId' | 'scheduler'>): LeaseStore;
  /** A shard's row. */
  row(shard: ShardName): LeaseRow | undefined;
  /** All rows, in the order in which they were made. */
  rows(): readonly LeaseRow[];
  /** Changes a row, or makes one, as another program would. */
  put(shard: ShardName, fields?: Partial<LeaseRow>): void;
  /** Deletes a row. */
  delete(shard: ShardName): void;
  /** From now on the worker's requests do what they are to do, but are never answered (`'replies'`), or never arrive (`'requests'`). */
  cut(workerId: string, what: 'requests' | 'replies'): void;
  /** From now on the worker's requests fail with this error. */
  fail(workerId: string, error: unknown): void;
  /** Ends what `cut` and `fail` began. */
  heal(workerId: string): void;
  /** Every request, such as `12 w1 update 0`: when it arrived, whose it is, what it is, and of which shard. */
  readonly log: readonly string[];
}

/** How a fake table answers. */
export interface FakeLeasesConfig {
  /** How long every request takes, in ms: half of it to the table, half of it back. From 0 up. @defaultValue 2 */
  readonly latencyMs?: number;
  /** @defaultValue asyncScheduler, which is virtual in a marble test */
  readonly scheduler?: SchedulerLike;
}

/**
 * A lease table in memory, for tests of several workers in virtual time.
 *
 * @remarks
 * The workers run the rules of the real table: they look, take, renew, hand over and fence themselves off. Only DynamoDB is fake, with conditional
 * writes that are as atomic as its own. Reads show the table as it is when the request arrives.
 *
 * @example
 * ```ts
 * const table = fakeLeases();
 * const [first, second] = ['w1', 'w2'].map((id) => table.worker(id, { failoverTimeMs: 1_000 }));
 * ```
 */
export function fakeLeases({ latencyMs = 2, scheduler = asyncScheduler }: FakeLeasesConfig = {}): FakeLeases {
  const rows = new FakeLeaseRows();
  const log: string[] = [];
  const faults = new Map<string, 'requests' | 'replies' | { readonly error: unknown }>();

  const request = <T>(workerId: string, what: string, work: () => T): Observable<T> =>
    defer(() => {
      const fault = faults.get(workerId);
      if (typeof fault === 'object') return timer(latencyMs, scheduler).pipe(concatMap(() => throwError(() => fault.error)));
      if (fault === 'requests') return NEVER;
      return timer(latencyMs / 2, scheduler).pipe(
        concatMap(() => {
          log.push(`${scheduler.now()} ${workerId} ${what}`);
          const result = work();
          return timer(latencyMs / 2, scheduler).pipe(concatMap(() => (faults.get(workerId) === 'replies' ? NEVER : of(result))));
        }),
      );
    });

  return {
    log,
    worker: (workerId, config = {}) =>
      leaseStore(
        portOf(rows, (what, work) => request(workerId, what, work)),
        resolveLeaseConfig({ ...config, workerId, scheduler }),
      ),
    row: (shard) => rows.get(toShardId(shard)),
    rows: () => rows.all(),
    put: (shard, fields = {}) => rows.put({ ...(rows.get(toShardId(shard)) ?? emptyRow(toShardId(shard))), ...fields }),
    delete: (shard) => rows.delete(toShardId(shard)),
    cut: (workerId, what) => void faults.set(workerId, what),
    fail: (workerId, error) => void faults.set(workerId, { error }),
    heal: (workerId) => void faults.delete(workerId),
  };
}

function portOf(rows: FakeLeaseRows, request: <T>(what: string, work: () => T) => Observable<T>): LeasePort {
  const named = (verb: string, leaseKey: string): string =>
    `${verb} ${/\d+$/.exec(leaseKey) ? Number(/\d+$/.exec(leaseKey)![0]) : leaseKey}`;
  return {
    scan: () => request('scan', () => ({ leases: rows.all(), unreadable: [] })),
    get: (leaseKey) => request(named('get', leaseKey), () => rows.get(leaseKey)),
    create: (lease) => request(named('create', lease.leaseKey), () => rows.create(lease)),
    update: (leaseKey, update) => request(named('update', leaseKey), () => rows.update(leaseKey, update)),
    remove: (leaseKey, leaseCounter) => request(named('remove', leaseKey), () => rows.remove(leaseKey, leaseCounter)),
    publishWorker: (workerId) => request(`publish ${workerId}`, () => true),
    withdrawWorker: (workerId) => request(`withdraw ${workerId}`, () => true),
  };
}

function emptyRow(leaseKey: string): LeaseRow {
  return {
    leaseKey,
    leaseCounter: 0,
    checkpoint: { sequenceNumber: 'TRIM_HORIZON', subSequenceNumber: 0 },
    parentShardIds: [],
    childShardIds: [],
  };
}

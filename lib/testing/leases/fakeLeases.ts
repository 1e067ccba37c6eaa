import { asyncScheduler, defer, delay, map, mergeMap, NEVER, of, timer, type Observable, type SchedulerLike } from 'rxjs';
import { assertKnownFields } from '../../internal/validate.js';
import { boundedPort } from '../../leases/boundedPort.js';
import { LEASE_FIELDS, resolveLeaseConfig, type LeaseConfig } from '../../leases/lease-config.js';
import type { LeaseRow } from '../../leases/lease.js';
import type { LeasePort } from '../../leases/lease-port.js';
import { leaseStore, type LeaseStore } from '../../leases/leaseStore.js';
import { toShardId, type ShardName } from '../shard-name.js';
import { FakeLeaseRows } from './fake-lease-rows.js';

/** A lease table in memory, and the workers that share it. */
export interface FakeLeases {
  /** Makes a store for one worker's `kinesisStream`. It follows the rules of `leaseTable` and takes its config. */
  worker(workerId: string, config?: Omit<LeaseConfig, 'workerId' | 'scheduler'>): LeaseStore;
  /** A shard's row. */
  row(shard: ShardName): LeaseRow | undefined;
  /** All rows, in the order in which they were made. */
  rows(): readonly LeaseRow[];
  /** Changes a row, or makes one, as another program would. */
  put(shard: ShardName, fields?: Partial<LeaseRow>): void;
  /** Deletes a row. */
  delete(shard: ShardName): void;
  /** From now on the worker's requests are made but never answered (`'replies'`), or never arrive (`'requests'`). */
  cut(workerId: string, what: 'requests' | 'replies'): void;
  /** From now on the worker's requests fail with this error. */
  fail(workerId: string, error: unknown): void;
  /** Ends the effect of `cut` and `fail`. */
  heal(workerId: string): void;
  /**
   * Adds KCL 3's own state to the table: the mode of its workers, the heartbeat of their leader, and how long that counts without
   * another one, in ms.
   */
  kcl3(state: { readonly clientVersion?: string; readonly leaderHeartbeat?: string; readonly leaderLeaseMs?: number }): void;
  /** Every request, such as `12 w1 update 0`: the time of its arrival, the worker, the kind of request, and the shard. */
  readonly log: readonly string[];
}

/** How a fake table answers. */
export interface FakeLeasesConfig {
  /** How long every request takes, in ms: half of it to the table, half of it back. From 0 up. @defaultValue 2 */
  readonly latencyMs?: number | undefined;
  /** @defaultValue asyncScheduler, which is virtual in a marble test */
  readonly scheduler?: SchedulerLike | undefined;
}

/**
 * A lease table in memory, for tests of several workers in virtual time.
 *
 * @remarks
 * The workers follow the rules of the real table: they look, take, renew, hand over, and give up leases that they cannot renew. Only
 * DynamoDB is fake; its conditional writes are as atomic as the real ones. Reads show the table at the moment when the request arrives.
 *
 * @throws InvalidConfigError when called with an unknown option, or a worker is made with one, or with a number out of range.
 *
 * @example
 * ```ts
 * const table = fakeLeases();
 * const [first, second] = ['w1', 'w2'].map((id) => table.worker(id, { failoverTimeMs: 1_000 }));
 * ```
 */
export function fakeLeases(config: FakeLeasesConfig = {}): FakeLeases {
  assertKnownFields(config, { latencyMs: true, scheduler: true }, 'fakeLeases');
  const { latencyMs = 2, scheduler = asyncScheduler } = config;
  const rows = new FakeLeaseRows();
  const log: string[] = [];
  const faults = new Map<string, Fault>();
  const request = answering(log, faults, latencyMs / 2, scheduler);
  return {
    log,
    worker: (workerId, config = {}) => {
      assertKnownFields(config, LEASE_FIELDS, 'fakeLeases: worker');
      const resolved = resolveLeaseConfig({ ...config, workerId, scheduler });
      return leaseStore(boundedPort(portOf(rows, workerId, request), resolved), resolved);
    },
    row: (shard) => rows.get(toShardId(shard)),
    rows: () => rows.all(),
    put: (shard, fields = {}) => rows.put({ ...(rows.get(toShardId(shard)) ?? emptyRow(toShardId(shard))), ...fields }),
    delete: (shard) => rows.delete(toShardId(shard)),
    cut: (workerId, what) => void faults.set(workerId, what),
    fail: (workerId, error) => void faults.set(workerId, { error }),
    heal: (workerId) => void faults.delete(workerId),
    kcl3: (state) => void (rows.kcl3 = state),
  };
}

type Fault = 'requests' | 'replies' | { readonly error: unknown };
type FakeRequest = <T>(workerId: string, what: string, work: () => T) => Observable<T>;

function answering(log: string[], faults: ReadonlyMap<string, Fault>, halfMs: number, scheduler: SchedulerLike): FakeRequest {
  return (workerId, what, work) =>
    defer(() => {
      const fault = faults.get(workerId);
      if (fault === 'requests') return NEVER;
      return timer(halfMs, scheduler).pipe(
        map(() => {
          if (typeof fault === 'object') throw fault.error;
          log.push(`${scheduler.now()} ${workerId} ${what}`);
          return work();
        }),
        delay(halfMs, scheduler),
        mergeMap((result) => (faults.get(workerId) === 'replies' ? NEVER : of(result))),
      );
    });
}

function portOf(rows: FakeLeaseRows, workerId: string, request: FakeRequest): LeasePort {
  const ask = <T>(verb: string, leaseKey: string, work: () => T) =>
    request(workerId, `${verb} ${leaseKey.replace(/^shardId-0*(?=\d)/, '')}`, work);
  return {
    scan: () => request(workerId, 'scan', () => ({ leases: rows.all(), unreadable: [], ...rows.kcl3 })),
    get: (leaseKey) => ask('get', leaseKey, () => rows.get(leaseKey)),
    peek: (leaseKey) => ask('peek', leaseKey, () => rows.get(leaseKey)),
    ring: (leaseKey) => ask('ring', leaseKey, () => rows.ring(leaseKey)),
    create: (lease) => ask('create', lease.leaseKey, () => rows.create(lease)),
    update: (leaseKey, update) => ask('update', leaseKey, () => rows.update(leaseKey, update)),
    remove: (leaseKey, leaseCounter) => ask('remove', leaseKey, () => rows.remove(leaseKey, leaseCounter)),
    publishWorker: () => request(workerId, 'publish', () => true),
    withdrawWorker: () => request(workerId, 'withdraw', () => true),
  };
}

function emptyRow(leaseKey: string): LeaseRow {
  const checkpoint = { sequenceNumber: 'TRIM_HORIZON', subSequenceNumber: 0 };
  return { leaseKey, leaseCounter: 0, checkpoint, parentShardIds: [], childShardIds: [] };
}

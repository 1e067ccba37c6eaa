import {
  asyncScheduler,
  catchError,
  defer,
  ReplaySubject,
  share,
  switchMap,
  throwError,
  type MonoTypeOperatorFunction,
  type Observable,
  type SchedulerLike,
} from 'rxjs';
import { assertCheckpoint } from '../checkpoints/checkpoint-rules.js';
import type { Checkpoint, Lease, LeasingStore } from '../checkpoints/checkpoint-store.js';
import { KeyedQueue } from '../internal/keyed-queue.js';
import { assertKnownFields, assertNumber, assertScheduler, type FieldsOf } from '../internal/validate.js';
import { InvalidConfigError } from '../values/errors.js';
import { AT_TIMESTAMP, LATEST, TRIM_HORIZON } from '../values/position.js';
import { ensureTable } from './ensureTable.js';
import { takeReady } from './grants.js';
import { leaseRequests, type DynamoDBClientLike } from './lease-requests.js';
import type { InitialPosition } from './lease-row.js';
import { Leases } from './leases.js';
import { requestError } from './request-error.js';
import type { ShardIdentity, ShardName } from '../values/shard-id.js';
import { shown } from '../values/shown.js';

/** What {@link leaseTable} needs. */
export interface LeaseTableConfig {
  /** A `DynamoDBClient`, with the caller's region, credentials and retries. It is not destroyed here. */
  readonly client: DynamoDBClientLike;
  /** The table's name (3 to 255 of `a-z A-Z 0-9 _ - .`) or ARN. One table serves one application and one stream. */
  readonly tableName: string;
  /** Names this worker in the rows. Must be another for each process. Default: a new random UUID. */
  readonly workerId?: string;
  /**
   * What the new row of a shard without parents says, for KCL workers that share the table. This package begins such a
   * shard at the source's `startFrom`. Default `'TRIM_HORIZON'`.
   */
  readonly initialPosition?: InitialPosition;
  /** How long to wait before looking again at a table that is being made, in ms from 0 up. Default 1 000. */
  readonly tablePollIntervalMs?: number;
  /** Where that waiting happens. Default `asyncScheduler`. */
  readonly scheduler?: SchedulerLike;
}

/** The lease table of KCL as a store of checkpoints and leases. */
export interface LeaseTable extends LeasingStore {
  /** How this worker is named in the rows. */
  readonly workerId: string;
  read(shard: ShardIdentity): Observable<Checkpoint | undefined>;
  write(checkpoint: Checkpoint, shard: ShardIdentity): Observable<undefined>;
  take(shard: ShardIdentity): Observable<Lease>;
  release(shard: ShardIdentity): Observable<undefined>;
}

/**
 * Keeps checkpoints and leases in DynamoDB, in the very table and rows of the Amazon KCL (1.x to 3.x).
 *
 * @remarks
 * Every write of a row is conditional on its `leaseCounter` and adds 1 to it, so a worker whose shard was taken cannot
 * write any more; it changes single attributes, so what other clients keep in the row stays. A missing table is made on
 * first use, on demand, and waited for. All reads are consistent. Requests for one shard are made one after another;
 * unsubscribing aborts the one under way. Memory: one small object a shard.
 *
 * - `read` emits `undefined` for a shard whose row says only where to begin (`TRIM_HORIZON`, `LATEST`, `AT_TIMESTAMP`).
 * - `take` makes this worker the owner at once, whoever was: one worker at a time is meant to run. A former owner learns
 *   of it at its next write. `fencingToken` is the new `leaseCounter`.
 * - `leases` takes each shard once its parents are done, and tells of those that were read to their end before.
 * - `write` takes the shard first if this instance never has. A write whose reply was lost is recognised and is no lost
 *   lease. What is settled beyond a checkpoint is not stored: the rows have no place for it.
 * - `release` leaves the row without owner. Afterwards, as after a loss, `write` fails until the shard is taken again.
 *
 * Errors: `LeaseLostError`; `CheckpointError`, retriable after throttling, failures of the service or the connection,
 * not retriable when access is denied or a checkpoint would go back; `InvalidValueError` for a malformed row, of that
 * shard only, and for a checkpoint that is malformed, of another shard, or a place to begin at such as `LATEST`;
 * `InvalidConfigError` for a table with another key, or a second stream.
 *
 * @example
 * ```ts
 * const store = leaseTable({ client: new DynamoDBClient({}), tableName: 'flights-app' });
 * kinesisStream({ client, streamName: 'flights', startFrom: 'TRIM_HORIZON', store });
 * ```
 *
 * @throws InvalidConfigError
 */
export function leaseTable(config: LeaseTableConfig): LeaseTable {
  assertKnownFields(config, FIELDS);
  assertConfig(config);
  const { client, tableName, workerId = crypto.randomUUID(), initialPosition = TRIM_HORIZON } = config;
  const { tablePollIntervalMs: pollIntervalMs = 1_000, scheduler = asyncScheduler } = config;

  const requests = leaseRequests(client, tableName);
  const leases = new Leases(requests, { tableName, workerId, initialPosition });
  const assertStream = oneStream(tableName);
  const turns = new KeyedQueue();
  // One look at the table for all shards; after an error, or when nobody waits any more, the next use looks again.
  const table$ = ensureTable(requests, { tableName, pollIntervalMs, scheduler }).pipe(untilItFails());

  const request = <T>(action: string, shard: ShardName, work: () => Observable<T>) =>
    defer(() => {
      assertStream(shard);
      return table$.pipe(switchMap(work));
    }).pipe(catchError((error: unknown) => throwError(() => requestError(action, error, shard))));
  const inTurn = <T>(action: string, shard: ShardName, work: () => Observable<T>) => turns.run(shard.shardId, request(action, shard, work));

  const table: LeaseTable = {
    workerId,
    read: (shard) => request('read the checkpoint', shard, () => leases.read(shard)),
    write: (checkpoint, shard) =>
      defer(() => {
        assertCheckpoint(checkpoint, shard);
        return inTurn('write the checkpoint', shard, () => leases.write(checkpoint, shard));
      }),
    take: (shard) => inTurn('take the lease', shard, () => leases.take(shard)),
    leases: (shards$) => takeReady(shards$, table, scheduler),
    release: (shard) => inTurn('release the lease', shard, () => leases.release(shard)),
  };
  return table;
}

/** Subscribes once for all subscribers, until that fails or nobody waits any more. */
function untilItFails<T>(): MonoTypeOperatorFunction<T> {
  return share({ connector: () => new ReplaySubject(1), resetOnError: true, resetOnComplete: false, resetOnRefCountZero: true });
}

/** The rows are keyed by shard alone, so the shards of a second stream would share those of the first. */
function oneStream(tableName: string): (shard: ShardName) => void {
  let known: string | undefined;
  return ({ streamName }) => {
    known ??= streamName;
    if (streamName === known) return;
    throw new InvalidConfigError(`leaseTable: the table "${tableName}" is in use for the stream ${known}, got a shard of ${streamName}`);
  };
}

const FIELDS: FieldsOf<LeaseTableConfig> = {
  client: true,
  tableName: true,
  workerId: true,
  initialPosition: true,
  tablePollIntervalMs: true,
  scheduler: true,
};
const INITIAL_POSITIONS: readonly unknown[] = [TRIM_HORIZON, LATEST, AT_TIMESTAMP];
/** https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html */
const TABLE_NAME = /^(?:arn:aws[\w-]*:dynamodb:[\w-]+:\d{12}:table\/)?[\w.-]{3,255}$/;

function assertConfig({ client, tableName, workerId, initialPosition, tablePollIntervalMs, scheduler }: LeaseTableConfig): void {
  const expect = (holds: boolean, expectation: string, got: unknown) => {
    if (!holds) throw new InvalidConfigError(`leaseTable: expected ${expectation}, got ${shown(got)}`);
  };
  const { send } = (client ?? {}) as Partial<DynamoDBClientLike>;
  expect(typeof send === 'function', 'client to be a DynamoDBClient (an object with send)', typeof client);
  expect(typeof tableName === 'string' && TABLE_NAME.test(tableName), 'tableName to be the name or ARN of a table', tableName);
  expect(workerId === undefined || (typeof workerId === 'string' && workerId !== ''), 'workerId to be a non-empty string', workerId);
  const isPosition = initialPosition === undefined || INITIAL_POSITIONS.includes(initialPosition);
  expect(isPosition, `initialPosition to be one of ${INITIAL_POSITIONS.join(', ')}`, initialPosition);
  if (scheduler !== undefined) assertScheduler(scheduler);
  if (tablePollIntervalMs !== undefined) assertNumber('leaseTable: tablePollIntervalMs', tablePollIntervalMs, 0);
}

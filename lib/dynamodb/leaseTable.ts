import { defer, tap, type Observable } from 'rxjs';
import { ClientPlace } from '../internal/client-place.js';
import { boundedPort } from '../leases/boundedPort.js';
import { LEASE_FIELDS, resolveLeaseConfig, type LeaseConfig } from '../leases/lease-config.js';
import { leaseStore, type LeaseStore } from '../leases/leaseStore.js';
import { assertKnownFields, assertNumber, assertService, type FieldsOf } from '../internal/validate.js';
import { InvalidConfigError } from '../values/errors.js';
import type { ShardName } from '../values/shard-id.js';
import { ensureTable } from './ensureTable.js';
import { leaseRequests, type DynamoDBClientLike } from './lease-requests.js';
import { madePort } from './madePort.js';
import { requestError, tableError } from './request-error.js';
import { shown } from '../values/shown.js';

/** The table of {@link leaseTable}, and how it shares leases. */
export interface LeaseTableConfig extends LeaseConfig {
  /** A `DynamoDBClient`, with your region, credentials and retries. The package never destroys it. */
  readonly client: DynamoDBClientLike;
  /** The table's name (3 to 255 of `a-z A-Z 0-9 _ - .`) or ARN. One table serves one application and one stream. */
  readonly tableName: string;
  /** The time between two looks at a table that is being made, in ms from 0 up. @defaultValue 1_000 */
  readonly tablePollIntervalMs?: number | undefined;
}

/** The lease table of KCL as a store of checkpoints and leases. */
export type LeaseTable = LeaseStore;

/**
 * Shares a stream's shards among workers, and keeps their checkpoints, in the same table and rows as the Amazon KCL (1.x to 3.x).
 *
 * @remarks
 * Any number of processes, also of KCL, each read the shards whose leases they hold. If a lease is not renewed for `failoverTimeMs`,
 * another worker takes it; its holder gives it up before that, by its own timer. A holder's write of a row is conditional on the
 * `leaseCounter` and adds 1 to it, so a worker whose shard was taken cannot write any more. Writes change single attributes, so the
 * attributes of other clients stay. A missing table is made on first use, with on-demand capacity, and requests wait for it. The writes of
 * one shard run one after another, and none waits for records; unsubscribing aborts the request under way. Memory: one small object a row.
 *
 * - `leases` looks at the table again and again, takes a fair share, renews the leases that it holds, asks other workers of this package
 *   for their surplus, and hands over the leases that they ask for. After `stop` each released lease is free at once.
 * - `read` emits the row's checkpoint, which may be a sentinel for where to begin, or `undefined` without a row.
 * - `write` errors with a `LeaseLostError` unless the lease is held. For a shard that was never granted here, it stores the checkpoint as
 *   long as no worker holds the lease: so `kinesisShard` can use a table and never overwrites a worker's row. `SHARD_END` is written after
 *   the rows of the children. A write whose reply was lost is recognised and does not count as a lost lease. Up to 20 ranges of
 *   `settledBeyond`, and `unreleased`, are kept in an attribute of this package.
 * - `release` gives the row to the worker that asked for it, or to nobody. Afterwards, as after a loss, `write` errors until the shard is
 *   granted again.
 *
 * Errors: `LeaseLostError`; `CheckpointError`, retriable after throttling, after failures of the service or the connection, and while a
 * shard's children are not known; not retriable when access is denied or a checkpoint would go back; `InvalidValueError` for a malformed
 * row, for that shard only, and for a checkpoint that is malformed, belongs to another shard, or is a start such as `LATEST`;
 * `InvalidConfigError` for a table with another key, a second stream by the same client, or a second subscription to the leases;
 * `ForeignCheckpointError` when a row in view says that it is of another stream.
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
  assertKnownFields(config, FIELDS, 'leaseTable');
  const { client, tableName, tablePollIntervalMs: pollIntervalMs = 1_000, ...leases } = config;
  assertTable(config);
  assertNumber('leaseTable: tablePollIntervalMs', pollIntervalMs, 0);
  const resolved = resolveLeaseConfig(leases);
  const { scheduler, requestTimeoutMs } = resolved;
  const requests = leaseRequests(client, tableName);
  // Making the table may take longer than a request may, so that wait is outside the limit of a request.
  const table$ = ensureTable(requests, { tableName, pollIntervalMs, requestTimeoutMs, scheduler });
  const store = leaseStore(madePort(boundedPort(requests, resolved), table$), resolved);
  const assertStream = oneStream(client, tableName);
  const place = new ClientPlace(client, `table "${tableName}"`);

  const request = <T>(action: string, shard: ShardName, work: () => Observable<T>): Observable<T> =>
    defer(() => {
      assertStream(shard);
      return work();
    }).pipe(place.watch((error) => requestError(action, error, shard)));

  return {
    ...store,
    read: (shard) => request('read the checkpoint', shard, () => store.read(shard)),
    write: (checkpoint, shard) => request('write the checkpoint', shard, () => store.write(checkpoint, shard)),
    leases: (shards$, initialPosition, latestMs) =>
      store
        .leases(shards$.pipe(tap((shards) => shards.slice(0, 1).forEach(assertStream))), initialPosition, latestMs)
        .pipe(place.watch(tableError)),
    release: (shard, lease) => request('release the lease', shard, () => store.release(shard, lease)),
  };
}

/** The stream of each table, by client: two clients may have different tables of one name. */
const streamsOf = new WeakMap<DynamoDBClientLike, Map<string, string>>();

/**
 * Makes a check that all shards are of one stream, also those of other stores of this table: rows have only the shard id as key, so two streams would
 * share rows.
 */
function oneStream(client: DynamoDBClientLike, tableName: string): (shard: ShardName) => void {
  const streams = streamsOf.get(client) ?? new Map<string, string>();
  streamsOf.set(client, streams);
  return ({ streamName }) => {
    const known = streams.get(tableName) ?? streamName;
    streams.set(tableName, known);
    if (streamName === known) return;
    throw new InvalidConfigError(`leaseTable: the table "${tableName}" is in use for the stream ${known}, got a shard of ${streamName}`);
  };
}

const FIELDS: FieldsOf<LeaseTableConfig> = { ...LEASE_FIELDS, client: true, tableName: true, tablePollIntervalMs: true };
/** https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html */
const TABLE_NAME = /^(?:arn:aws[\w-]*:dynamodb:[\w-]+:\d{12}:table\/)?[\w.-]{3,255}$/;

function assertTable({ client, tableName }: LeaseTableConfig): void {
  const expect = (holds: boolean, expectation: string, got: unknown) => {
    if (!holds) throw new InvalidConfigError(`leaseTable: expected ${expectation}, got ${shown(got)}`);
  };
  const { send } = (client ?? {}) as Partial<DynamoDBClientLike>;
  expect(typeof send === 'function', 'client to be a DynamoDBClient (an object with send)', typeof client);
  assertService('leaseTable: client', client, 'DynamoDB');
  expect(typeof tableName === 'string' && TABLE_NAME.test(tableName), 'tableName to be the name or ARN of a table', tableName);
}

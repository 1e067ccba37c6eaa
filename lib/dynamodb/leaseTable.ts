import { catchError, defer, tap, throwError, type Observable } from 'rxjs';
import { boundedPort } from '../leases/boundedPort.js';
import { LEASE_FIELDS, resolveLeaseConfig, type LeaseConfig } from '../leases/lease-config.js';
import { leaseStore, type LeaseStore } from '../leases/leaseStore.js';
import { assertKnownFields, assertNumber, type FieldsOf } from '../internal/validate.js';
import { InvalidConfigError } from '../values/errors.js';
import type { ShardName } from '../values/shard-id.js';
import { ensureTable } from './ensureTable.js';
import { leaseRequests, type DynamoDBClientLike } from './lease-requests.js';
import { madePort } from './madePort.js';
import { requestError } from './request-error.js';
import { shown } from '../values/shown.js';

/** What {@link leaseTable} needs. */
export interface LeaseTableConfig extends LeaseConfig {
  /** A `DynamoDBClient`, with the caller's region, credentials and retries. It is not destroyed here. */
  readonly client: DynamoDBClientLike;
  /** The table's name (3 to 255 of `a-z A-Z 0-9 _ - .`) or ARN. One table serves one application and one stream. */
  readonly tableName: string;
  /** How long to wait before looking again at a table that is being made, in ms from 0 up. @defaultValue 1_000 */
  readonly tablePollIntervalMs?: number;
}

/** The lease table of KCL as a store of checkpoints and leases. */
export type LeaseTable = LeaseStore;

/**
 * Shares a stream's shards among workers, and keeps their checkpoints, in the very table and rows of the Amazon KCL (1.x to 3.x).
 *
 * @remarks
 * Any number of processes, KCL's too, each read the shards whose leases they hold. A lease that is not renewed for `failoverTimeMs` is
 * taken by another worker; its holder gives it up before that, by its own clock. Every write of a row is conditional on its `leaseCounter`
 * and adds 1 to it, so a worker whose shard was taken cannot write any more; it changes single attributes, so what other clients keep in
 * the row stays. A missing table is made on first use, on demand, and waited for. Requests for one shard are made one after another, none
 * waits for the data; unsubscribing aborts the one under way. Memory: one small object a row.
 *
 * - `leases` looks at the table again and again, takes a fair share, renews what it holds, asks other workers of this package for what they
 *   have too many of and hands over what they ask for. At a stop each lease is free at once.
 * - `read` emits the row's checkpoint, also a word that says where the shard begins, `undefined` without a row.
 * - `write` fails with `LeaseLostError` unless the lease is held. Of a shard that was never granted here it stores the checkpoint as long as
 *   nobody holds the lease: so `kinesisShard` can use a table, and never writes over a worker. `SHARD_END` is written once the
 *   children have their rows. A write whose reply was lost is recognised and is no lost lease. What is settled beyond a checkpoint
 *   (up to 20 ranges) and which stored blocks before it are not released stand in an attribute of our own.
 * - `release` leaves the row to whoever asked for it, or to nobody. Afterwards, as after a loss, `write` fails until the shard is granted again.
 *
 * Errors: `LeaseLostError`; `CheckpointError`, retriable after throttling, failures of the service or the connection, and while a
 * shard's children are not known, not retriable when access is denied or a checkpoint would go back; `InvalidValueError` for a malformed row, of that
 * shard only, and for a checkpoint that is malformed, of another shard, or a place to begin at such as `LATEST`;
 * `InvalidConfigError` for a table with another key, a second stream, or a second subscription to the leases.
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
  // The table may take longer to be made than a request may: that waiting is no part of one.
  const table$ = ensureTable(requests, { tableName, pollIntervalMs, requestTimeoutMs, scheduler });
  const store = leaseStore(madePort(boundedPort(requests, resolved), table$), resolved);
  const assertStream = oneStream(tableName);

  const request = <T>(action: string, shard: ShardName, work: () => Observable<T>): Observable<T> =>
    defer(() => {
      assertStream(shard);
      return work();
    }).pipe(catchError((error: unknown) => throwError(() => requestError(action, error, shard))));

  return {
    ...store,
    read: (shard) => request('read the checkpoint', shard, () => store.read(shard)),
    write: (checkpoint, shard) => request('write the checkpoint', shard, () => store.write(checkpoint, shard)),
    leases: (shards$, initialPosition) =>
      store.leases(shards$.pipe(tap((shards) => shards.slice(0, 1).forEach(assertStream))), initialPosition),
    release: (shard) => request('release the lease', shard, () => store.release(shard)),
  };
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

const FIELDS: FieldsOf<LeaseTableConfig> = { ...LEASE_FIELDS, client: true, tableName: true, tablePollIntervalMs: true };
/** https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html */
const TABLE_NAME = /^(?:arn:aws[\w-]*:dynamodb:[\w-]+:\d{12}:table\/)?[\w.-]{3,255}$/;

function assertTable({ client, tableName }: LeaseTableConfig): void {
  const expect = (holds: boolean, expectation: string, got: unknown) => {
    if (!holds) throw new InvalidConfigError(`leaseTable: expected ${expectation}, got ${shown(got)}`);
  };
  const { send } = (client ?? {}) as Partial<DynamoDBClientLike>;
  expect(typeof send === 'function', 'client to be a DynamoDBClient (an object with send)', typeof client);
  expect(typeof tableName === 'string' && TABLE_NAME.test(tableName), 'tableName to be the name or ARN of a table', tableName);
}

import type { TableDescription } from '@aws-sdk/client-dynamodb';
import {
  defer,
  filter,
  map,
  of,
  repeat,
  switchMap,
  take,
  tap,
  timeout,
  type MonoTypeOperatorFunction,
  type Observable,
  type SchedulerLike,
} from 'rxjs';
import { delayOf } from '../internal/delay.js';
import { answeredWithin } from '../internal/request-timeout.js';
import { InvalidConfigError } from '../values/errors.js';
import type { TableRequests } from './lease-requests.js';

/** How to wait for the table. */
export interface EnsureTableConfig {
  readonly tableName: string;
  /** The time between two looks at the table, in ms. */
  readonly pollIntervalMs: number;
  /** How long one request may take, in ms. */
  readonly requestTimeoutMs: number;
  readonly scheduler: SchedulerLike;
}

/** An on-demand table is ready within seconds; a table that is being restored or deleted may take too long to wait for. */
const TABLE_TIMEOUT_MS = 120_000;

/**
 * Makes the lease table unless it exists, and emits once when it can be used.
 *
 * @remarks
 * It does not matter if another worker makes the table at the same time. A table that is being deleted is made anew once it is gone. A table that is being updated can be used: KCL 3 adds an
 * index that way. Unsubscribing aborts the request or the wait.
 *
 * Errors: `InvalidConfigError` when the table does not have KCL's key; RxJS's `TimeoutError` when it is not ready after two minutes;
 * the errors of the requests.
 */
export function ensureTable(
  requests: TableRequests,
  { tableName, pollIntervalMs, requestTimeoutMs, scheduler }: EnsureTableConfig,
): Observable<undefined> {
  const within = <T>(): MonoTypeOperatorFunction<T> => answeredWithin(requestTimeoutMs, 'the lease table', scheduler);
  const describeTable = () => requests.describeTable().pipe(within());
  return defer(() => {
    // Right after its creation DescribeTable may still not know the table: it reads with eventual consistency. A table that it knew is gone.
    let isCreated = false;
    const look = (): Observable<TableDescription | undefined> =>
      describeTable().pipe(
        switchMap((table) => {
          const isMissing = !table && !isCreated;
          isCreated = !table;
          return isMissing ? requests.createTable().pipe(within()) : of(table);
        }),
      );
    const polled = delayOf(pollIntervalMs, scheduler).pipe(
      switchMap(look),
      repeat(),
      filter(isUsable),
      take(1),
      timeout({ first: TABLE_TIMEOUT_MS, scheduler }),
    );
    return look().pipe(
      switchMap((table) => (isUsable(table) ? of(table) : polled)),
      tap((table) => assertKeySchema(table, tableName)),
      map(() => undefined),
    );
  });
}

function isUsable(table: TableDescription | undefined): table is TableDescription {
  return table?.TableStatus === 'ACTIVE' || table?.TableStatus === 'UPDATING';
}

function assertKeySchema({ KeySchema = [], AttributeDefinitions = [] }: TableDescription, tableName: string): void {
  const keys = KeySchema.map(({ AttributeName, KeyType }) => {
    const type = AttributeDefinitions.find((definition) => definition.AttributeName === AttributeName)?.AttributeType;
    return `${KeyType} ${AttributeName} (${type})`;
  });
  if (keys.length === 1 && keys[0] === LEASE_KEY) return;
  throw new InvalidConfigError(`the table "${tableName}" is no lease table: expected the key ${LEASE_KEY}, got ${keys.join(', ')}`);
}

const LEASE_KEY = 'HASH leaseKey (S)';

import {
  CreateTableCommand,
  DescribeTableCommand,
  GetItemCommand,
  PutItemCommand,
  UpdateItemCommand,
  type CreateTableCommandInput,
  type DescribeTableCommandOutput,
  type GetItemCommandOutput,
  type TableDescription,
} from '@aws-sdk/client-dynamodb';
import { catchError, map, of, throwError, type Observable, type OperatorFunction } from 'rxjs';
import { nameOf } from '../internal/aws-errors.js';
import { fromAbortable } from '../internal/fromAbortable.js';
import type { Item } from './lease-row.js';
import type { LeaseUpdate } from './lease-updates.js';

/** What of a `DynamoDBClient` of `@aws-sdk/client-dynamodb` is used: taken by its shape, so that any 3.x of it will do. */
export interface DynamoDBClientLike {
  /** Sends one command; `abortSignal` ends the request. */
  send(command: object, options?: { readonly abortSignal?: AbortSignal }): Promise<unknown>;
}

/**
 * The requests that the lease table makes, as cold Observables: each subscription is one request, unsubscribing aborts it.
 *
 * @remarks
 * Outcomes that are part of the protocol are values; everything else is the SDK's own error. This is the only place
 * that knows the SDK.
 */
export interface LeaseRequests {
  /** Emits `undefined` when there is no such table. */
  describeTable(): Observable<TableDescription | undefined>;
  /** Emits `undefined`, also when another worker has just made the table. */
  createTable(): Observable<undefined>;
  /** Reads the shard's row, consistently. Emits `undefined` when there is none. */
  getRow(shardId: string): Observable<Item | undefined>;
  /** Emits whether the row was made: `false` means that there is one already. */
  createRow(row: Item): Observable<boolean>;
  /** Emits whether the row was changed: `false` means that it is not as the update's condition demands. */
  updateRow(shardId: string, update: LeaseUpdate): Observable<boolean>;
}

/** Makes the requests through the user's client. */
export function leaseRequests(client: DynamoDBClientLike, TableName: string): LeaseRequests {
  const send = <T>(command: object) => fromAbortable((abortSignal) => client.send(command, { abortSignal }) as Promise<T>);
  const key = (shardId: string) => ({ TableName, Key: { leaseKey: { S: shardId } } });

  return {
    describeTable: () =>
      send<DescribeTableCommandOutput>(new DescribeTableCommand({ TableName })).pipe(
        map(({ Table }) => Table),
        unless('ResourceNotFoundException', undefined),
      ),
    createTable: () =>
      send(new CreateTableCommand({ TableName, ...TABLE })).pipe(
        map(() => undefined),
        unless('ResourceInUseException', undefined),
      ),
    getRow: (shardId) =>
      send<GetItemCommandOutput>(new GetItemCommand({ ...key(shardId), ConsistentRead: true })).pipe(map(({ Item }) => Item)),
    createRow: (row) =>
      succeeded(send(new PutItemCommand({ TableName, Item: { ...row }, ConditionExpression: 'attribute_not_exists(leaseKey)' }))),
    updateRow: (shardId, { ExpressionAttributeValues, ...expressions }) =>
      succeeded(
        send(new UpdateItemCommand({ ...key(shardId), ...expressions, ExpressionAttributeValues: { ...ExpressionAttributeValues } })),
      ),
  };
}

/** KCL's table, as its versions from 2.3.7 on make it. */
const TABLE: Omit<CreateTableCommandInput, 'TableName'> = {
  KeySchema: [{ AttributeName: 'leaseKey', KeyType: 'HASH' }],
  AttributeDefinitions: [{ AttributeName: 'leaseKey', AttributeType: 'S' }],
  BillingMode: 'PAY_PER_REQUEST',
};

function succeeded(request: Observable<unknown>): Observable<boolean> {
  return request.pipe(
    map(() => true),
    unless('ConditionalCheckFailedException', false),
  );
}

/** Makes the error of this name the value `instead`. */
function unless<T, U>(name: string, instead: U): OperatorFunction<T, T | U> {
  return catchError((error: unknown) => (nameOf(error) === name ? of(instead) : throwError(() => error)));
}

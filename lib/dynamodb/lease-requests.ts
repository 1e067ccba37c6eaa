import {
  CreateTableCommand,
  DeleteItemCommand,
  DescribeTableCommand,
  GetItemCommand,
  PutItemCommand,
  ScanCommand,
  UpdateItemCommand,
  type CreateTableCommandInput,
  type DescribeTableCommandOutput,
  type GetItemCommandOutput,
  type ScanCommandOutput,
  type TableDescription,
} from '@aws-sdk/client-dynamodb';
import { catchError, concatMap, defer, EMPTY, expand, map, of, reduce, throwError, type Observable, type OperatorFunction } from 'rxjs';
import { nameOf } from '../internal/aws-errors.js';
import { fromAbortable } from '../internal/fromAbortable.js';
import type { LeasePort } from '../leases/lease-port.js';
import { SHARD_END } from '../values/position.js';
import { newRow, readRow, type Item } from './lease-row.js';
import { tableView } from './table-view.js';
import { updateExpression } from './updateExpression.js';

/** The part of a `DynamoDBClient` of `@aws-sdk/client-dynamodb` that is used, by its shape, so that any 3.x version will do. */
export interface DynamoDBClientLike {
  /** Sends one command; `abortSignal` aborts the request. */
  send(command: object, options?: { readonly abortSignal?: AbortSignal }): Promise<unknown>;
}

/** The requests about the table itself. */
export interface TableRequests {
  /** Emits `undefined` when there is no such table. */
  readonly describeTable: () => Observable<TableDescription | undefined>;
  /** Emits `undefined`, also when another worker has just made the table. */
  readonly createTable: () => Observable<undefined>;
}

/**
 * Makes the requests through the user's client, as cold Observables: each subscription is one request, unsubscribing aborts it.
 *
 * @remarks
 * Results that are part of the protocol are values; everything else is an error. This is the only place that knows the SDK.
 */
export function leaseRequests(client: DynamoDBClientLike, TableName: string): LeasePort & TableRequests {
  const send: Send = (command) => fromAbortable((abortSignal) => client.send(command, { abortSignal }) as Promise<never>);
  return { ...tableRequests(send, TableName), ...rowRequests(send, TableName), ...workerRequests(send, TableName) };
}

type Send = <T>(command: object) => Observable<T>;

function rowRequests(send: Send, TableName: string): Omit<LeasePort, 'publishWorker' | 'withdrawWorker'> {
  const key = (leaseKey: string) => ({ TableName, Key: { leaseKey: { S: leaseKey } } });
  const page = (ConsistentRead: boolean, ExclusiveStartKey?: ScanCommandOutput['LastEvaluatedKey']) =>
    send<ScanCommandOutput>(new ScanCommand({ TableName, ExclusiveStartKey, ...(ConsistentRead && { ConsistentRead }) }));
  const item = (leaseKey: string) =>
    send<GetItemCommandOutput>(new GetItemCommand({ ...key(leaseKey), ConsistentRead: true, ReturnConsumedCapacity: 'TOTAL' }));
  const rowOf = (leaseKey: string, { Item }: GetItemCommandOutput) => Item && readRow(Item, `table "${TableName}", key ${leaseKey}`);
  return {
    scan: (isConsistent) =>
      defer(() => page(isConsistent)).pipe(
        expand(({ LastEvaluatedKey }) => (LastEvaluatedKey ? page(isConsistent, LastEvaluatedKey) : EMPTY)),
        reduce<ScanCommandOutput, Item[]>((items, page) => items.concat(itemsOf(page)), []),
        map((items) => tableView(items, TableName)),
      ),
    get: (leaseKey) =>
      defer(() => item(leaseKey)).pipe(
        // Nothing at all is what "no such row" looks like, and an answer whose body is lost: that there is no row is not believed at once.
        concatMap((answer) => (answer.Item || answer.ConsumedCapacity ? of(answer) : item(leaseKey))),
        map((answer) => rowOf(leaseKey, answer)),
      ),
    peek: (leaseKey) => send<GetItemCommandOutput>(new GetItemCommand(key(leaseKey))).pipe(map((answer) => rowOf(leaseKey, answer))),
    ring: (leaseKey) => succeeded(send(new UpdateItemCommand({ ...key(leaseKey), ...RING }))),
    create: (lease) =>
      succeeded(send(new PutItemCommand({ TableName, Item: { ...newRow(lease) }, ConditionExpression: 'attribute_not_exists(leaseKey)' }))),
    update: (leaseKey, update) => succeeded(send(new UpdateItemCommand({ ...key(leaseKey), ...updateExpression(update) }))),
    remove: (leaseKey, leaseCounter) => succeeded(send(new DeleteItemCommand({ ...key(leaseKey), ...unlessChanged(leaseCounter) }))),
  };
}

function unlessChanged(leaseCounter: number): object {
  return { ConditionExpression: 'leaseCounter = :counter', ExpressionAttributeValues: { ':counter': { N: String(leaseCounter) } } };
}

/** The condition keeps the update from making a row, from one that is no lease, and from ringing where nobody listens any more. */
const RING = {
  UpdateExpression: 'ADD rings :one',
  ConditionExpression: 'attribute_exists(leaseKey) AND checkpoint <> :end AND (attribute_not_exists(entityType) OR entityType = :lease)',
  ExpressionAttributeValues: { ':one': { N: '1' }, ':end': { S: SHARD_END }, ':lease': { S: 'LEASE' } },
};

/** To the SDK an answer whose body is lost is an object without fields; taken for an empty table, it would have all rows made anew. */
function itemsOf({ Items }: ScanCommandOutput): Item[] {
  if (!Items) throw new TypeError('Scan was answered without Items');
  return Items;
}

/** The requests for a worker's row; their condition protects a lease that happens to have the worker's name. */
function workerRequests(send: Send, TableName: string): Pick<LeasePort, 'publishWorker' | 'withdrawWorker'> {
  const ofWorker = (workerId: string) => ({
    TableName,
    Key: { leaseKey: { S: workerId } },
    ConditionExpression: 'attribute_not_exists(leaseKey) OR entityType = :type',
  });
  const publish = (workerId: string, epochSeconds: number) =>
    new UpdateItemCommand({
      ...ofWorker(workerId),
      UpdateExpression: 'SET entityType = :type, lut = :now, slu = :now, sup = :one, sts = :none, opr = :none',
      // Without metrics of its own a worker is balanced by the load of its leases, like KCL's workers outside EC2.
      ExpressionAttributeValues: { ':type': WORKER, ':now': { N: String(epochSeconds) }, ':one': { N: '1' }, ':none': { M: {} } },
    });
  const withdraw = (workerId: string) => new DeleteItemCommand({ ...ofWorker(workerId), ExpressionAttributeValues: { ':type': WORKER } });
  return {
    publishWorker: (workerId, epochSeconds) => succeeded(send(publish(workerId, epochSeconds))),
    withdrawWorker: (workerId) => succeeded(send(withdraw(workerId))),
  };
}

/** The type of the row in which a KCL 3 worker writes that it is alive. */
const WORKER = { S: 'WORKER_METRIC_STATS' };

function tableRequests(send: Send, TableName: string): TableRequests {
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

/** Replaces the error of this name by the value `instead`. */
function unless<T, U>(name: string, instead: U): OperatorFunction<T, T | U> {
  return catchError((error: unknown) => (nameOf(error) === name ? of(instead) : throwError(() => error)));
}

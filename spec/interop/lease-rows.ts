import {
  CreateTableCommand,
  DeleteItemCommand,
  PutItemCommand,
  ScanCommand,
  type AttributeValue,
  type DynamoDBClient,
} from '@aws-sdk/client-dynamodb';
import type { Shard } from '@aws-sdk/client-kinesis';
import { expect } from 'chai';

/** A row of the lease table, as it is. */
export type Row = Readonly<Record<string, AttributeValue>>;

/** All rows of the table, also those of KCL 3.x that are no leases, by key; none when there is no table yet. */
export async function rowsOf(client: DynamoDBClient, TableName: string): Promise<Row[]> {
  const rows: Row[] = [];
  let ExclusiveStartKey: Row | undefined;
  do {
    const page = await client.send(new ScanCommand({ TableName, ConsistentRead: true, ExclusiveStartKey })).catch(noTable);
    rows.push(...(page.Items ?? []));
    ExclusiveStartKey = page.LastEvaluatedKey;
  } while (ExclusiveStartKey !== undefined);
  return rows.sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}

function noTable(error: Error): { readonly Items?: Row[]; readonly LastEvaluatedKey?: Row } {
  if (error.name === 'ResourceNotFoundException') return {};
  throw error;
}

/** Whether a row is a lease: only those have a counter. */
export function isLease(row: Row): boolean {
  return row.leaseCounter !== undefined;
}

export function keyOf(row: Row): string {
  return row.leaseKey!.S!;
}

/** What a lease may lose: who has it. */
const PASSING: readonly string[] = ['leaseOwner', 'checkpointOwner'];

/** Expects that a worker has left alone what others keep in the table: rows that are no leases, and attributes of leases. */
export function expectKept(before: readonly Row[], after: readonly Row[]): void {
  const othersOf = (rows: readonly Row[]) => rows.filter((row) => !isLease(row));
  expect(othersOf(after), 'the rows that are no leases').to.deep.equal(othersOf(before));
  for (const row of before.filter(isLease)) {
    const kept = Object.keys(row).filter((name) => !PASSING.includes(name));
    const now = after.find((other) => keyOf(other) === keyOf(row));
    expect(now, `the row of ${keyOf(row)}`).to.include.keys(kept);
    expect(now!.entityType, `the kind of ${keyOf(row)}`).to.deep.equal(row.entityType);
  }
}

/** Deletes a row, as the clean-up of KCL does once the children of an ended shard are under way. */
export async function deleteRow(client: DynamoDBClient, TableName: string, leaseKey: string): Promise<void> {
  await client.send(new DeleteItemCommand({ TableName, Key: { leaseKey: { S: leaseKey } } }));
}

/** Makes the table as KCL 2.x does. */
export async function createLeaseTable(client: DynamoDBClient, TableName: string): Promise<void> {
  const KeySchema = [{ AttributeName: 'leaseKey', KeyType: 'HASH' as const }];
  const AttributeDefinitions = [{ AttributeName: 'leaseKey', AttributeType: 'S' as const }];
  await client.send(new CreateTableCommand({ TableName, BillingMode: 'PAY_PER_REQUEST', KeySchema, AttributeDefinitions }));
}

/** Writes the row of a shard that nobody has taken yet, as KCL does. */
export async function putRow(client: DynamoDBClient, TableName: string, shard: Shard, checkpoint: string): Promise<void> {
  const parents = [shard.ParentShardId, shard.AdjacentParentShardId].filter((id) => id !== undefined);
  const Item = {
    leaseKey: { S: shard.ShardId! },
    leaseCounter: { N: '0' },
    ownerSwitchesSinceCheckpoint: { N: '0' },
    checkpoint: { S: checkpoint },
    checkpointSubSequenceNumber: { N: '0' },
    startingHashKey: { S: shard.HashKeyRange!.StartingHashKey! },
    endingHashKey: { S: shard.HashKeyRange!.EndingHashKey! },
    ...(parents.length > 0 && { parentShardId: { SS: parents } }),
  };
  await client.send(new PutItemCommand({ TableName, Item }));
}

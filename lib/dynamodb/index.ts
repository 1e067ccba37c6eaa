export { leaseTable } from './leaseTable.js';
export type { LeaseTable, LeaseTableConfig } from './leaseTable.js';
export type { DynamoDBClientLike } from './lease-requests.js';
export type { InitialPosition } from './lease-row.js';

import { TextEncoder } from 'node:util';

/** What a canned stream holds. */
export interface Canned {
  /** How many records in all. */
  readonly records: number;
  /** How many records a page of GetRecords has. */
  readonly perPage: number;
  /** How many bytes a record's payload has. */
  readonly bytes: number;
}

/** A record as it stands in a response, its payload in base64. */
export interface CannedRecord {
  readonly SequenceNumber: string;
  readonly PartitionKey: string;
  readonly Data: string;
  readonly ApproximateArrivalTimestamp: number;
}

export const SHARD_ID = 'shardId-000000000000';
/** Sequence numbers as long as those of the service. */
const FIRST_SEQUENCE_NUMBER = 49_590_338_271_490_256_608_559_692_538_361_571_095_921_575_989_136_588_898n;

/** How many pages a stream has, at least one. */
export function pageCount({ records, perPage }: Canned): number {
  return Math.max(1, Math.ceil(records / perPage));
}

/** The records of page `page`. */
export function cannedRecords({ records, perPage, bytes }: Canned, page: number): CannedRecord[] {
  const from = page * perPage;
  const data = Buffer.from(new TextEncoder().encode('x'.repeat(bytes))).toString('base64');
  return Array.from({ length: Math.min(perPage, records - from) }, (_, i) => ({
    SequenceNumber: String(FIRST_SEQUENCE_NUMBER + BigInt(from + i)),
    PartitionKey: `key-${(from + i) % 100}`,
    Data: data,
    ApproximateArrivalTimestamp: 1_700_000_000,
  }));
}

import { TextEncoder } from 'node:util';

/** The pages of a canned stream. */
export interface PageSize {
  /** How many records a page of GetRecords has. */
  readonly perPage: number;
  /** How many bytes a record's payload has. */
  readonly bytes: number;
  /** How many pages of {@link SMALL_PAGE} records the stream begins with. @defaultValue none */
  readonly smallPages?: number;
}

/** How many records a small page has. */
export const SMALL_PAGE = 10;

/** A record as it stands in a response, its payload in base64. */
export interface CannedRecord {
  readonly SequenceNumber: string;
  readonly PartitionKey: string;
  readonly Data: string;
  /** In seconds. */
  readonly ApproximateArrivalTimestamp: number;
}

export const SHARD_ID = 'shardId-000000000000';
/** What all sequence numbers begin with: they are as long as those of the service. */
export const NUMBER_PREFIX = '4959033827149025660855969253836157109592157598';
/** How many digits follow: the index of the record in its stream. */
export const INDEX_DIGITS = 10;

/** The sequence number of the record with this index. */
export function sequenceNumberOf(index: number): string {
  return `${NUMBER_PREFIX}${String(index).padStart(INDEX_DIGITS, '0')}`;
}

/** The index of the record with this sequence number. */
export function indexOf(sequenceNumber: string): number {
  return Number(sequenceNumber.slice(NUMBER_PREFIX.length));
}

/** The records of page `page` of a stream without small pages. */
export function cannedRecords({ perPage, bytes }: PageSize, page: number): CannedRecord[] {
  const from = page * perPage;
  const data = Buffer.from(new TextEncoder().encode('x'.repeat(bytes))).toString('base64');
  return Array.from({ length: perPage }, (_, i) => ({
    SequenceNumber: sequenceNumberOf(from + i),
    PartitionKey: `key-${(from + i) % 100}`,
    Data: data,
    ApproximateArrivalTimestamp: 1_700_000_000 + (from + i) / 1_000,
  }));
}

/** A size as the benchmark's options and tables write it, such as `200x1000`. */
export function sizeName({ bytes, perPage }: PageSize): string {
  return `${bytes}x${perPage}`;
}

/** Reads what {@link sizeName} writes. */
export function sizeOf(name: string): PageSize {
  const [, bytes, perPage] = /^(\d+)x(\d+)$/.exec(name) ?? [];
  if (!bytes || !perPage) throw new Error(`--sizes: expected bytes x records a page, such as 200x1000, got ${name}`);
  return { bytes: Number(bytes), perPage: Number(perPage) };
}

import type { LeaseRow } from '../../lib/leases/lease.js';
import type { ListedShard } from '../../lib/leases/listed-shards.js';

/** A row of shard `leaseKey`, owned by nobody and begun nowhere unless told. */
export function leaseRow(
  leaseKey: string,
  { at = 'TRIM_HORIZON', ...fields }: Partial<LeaseRow> & { readonly at?: string } = {},
): LeaseRow {
  const checkpoint = { sequenceNumber: at, subSequenceNumber: 0 };
  return { leaseKey, leaseCounter: 0, checkpoint, parentShardIds: [], childShardIds: [], ...fields };
}

/** Rows by their key. */
export function rowsByKey(...rows: readonly LeaseRow[]): Map<string, LeaseRow> {
  return new Map(rows.map((row) => [row.leaseKey, row]));
}

/** A hash key range. */
export function hashKeys(from: number | bigint, to: number | bigint): { startingHashKey: string; endingHashKey: string } {
  return { startingHashKey: String(from), endingHashKey: String(to) };
}

/** A listed shard; its number is also where it begins. */
export function listedShard(number: number, fields: Partial<ListedShard> = {}): ListedShard {
  const shardId = String(number);
  return { shardId, parentShardIds: [], hashKeyRange: undefined, closed: false, startingSequenceNumber: String(number), ...fields };
}

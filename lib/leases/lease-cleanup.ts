import { isSequenceNumber } from '../values/position.js';
import { hasBegun, isEnded, type LeaseRow } from './lease.js';
import { areAllChildren, childrenByParent } from './listed-shards.js';

/**
 * The rows that nobody needs any more: those of ended shards, and of shards that Kinesis has no more, whose children all have rows and checkpoints,
 * and whose parents' rows are gone.
 *
 * @remarks
 * This is KCL's rule: the row of a parent stays until each child has a checkpoint. If the row does not name its children, as old versions
 * of this package left it, the rows that name it as their parent count, if they cover its whole hash key range. So they do for a shard that was past
 * the retention before it was read to its end: its row would stay for good, and with it those of all that descend from it.
 *
 * @param isGone - whether Kinesis has the shard of a row no more, and nobody works on it.
 */
export function removableLeases(rows: readonly LeaseRow[], isGone: (row: LeaseRow) => boolean = () => false): LeaseRow[] {
  const byKey = new Map(rows.map((row) => [row.leaseKey, row]));
  const children = childrenByParent(rows);
  const childrenOf = (row: LeaseRow): LeaseRow[] | undefined => {
    const named = row.childShardIds.map((id) => byKey.get(id));
    if (named.length > 0) return named.every((child) => child !== undefined) ? named : undefined;
    const found = children.get(row.leaseKey) ?? [];
    return areAllChildren(row, found) ? found : undefined;
  };
  return rows.filter((row) => {
    if (row.parentShardIds.some((id) => byKey.has(id))) return false;
    if (isEnded(row)) return childrenOf(row)?.every(hasBegun) ?? false;
    return isGone(row) && (childrenOf(row)?.every(isRead) ?? false);
  });
}

/** Whether records of the shard were read: `LATEST` alone does not say that. */
function isRead(row: LeaseRow): boolean {
  return isEnded(row) || isSequenceNumber(row.checkpoint.sequenceNumber);
}

import { hasBegun, isEnded, type LeaseRow } from './lease.js';
import { areAllChildren, childrenByParent } from './listed-shards.js';

/**
 * The rows that nobody needs any more: those of ended shards whose children all have rows and checkpoints, and whose parents' rows are
 * gone.
 *
 * @remarks
 * This is KCL's rule: the row of a parent stays until each child has a checkpoint. If the row does not name its children, as old versions
 * of this package left it, the rows that name it as their parent count, if they cover its whole hash key range.
 */
export function removableLeases(rows: readonly LeaseRow[]): LeaseRow[] {
  const byKey = new Map(rows.map((row) => [row.leaseKey, row]));
  const children = childrenByParent(rows);
  const childrenOf = (row: LeaseRow): LeaseRow[] | undefined => {
    const named = row.childShardIds.map((id) => byKey.get(id));
    if (named.length > 0) return named.every((child) => child !== undefined) ? named : undefined;
    const found = children.get(row.leaseKey) ?? [];
    return areAllChildren(row, found) ? found : undefined;
  };
  return rows.filter((row) => {
    if (!isEnded(row) || row.parentShardIds.some((id) => byKey.has(id))) return false;
    return childrenOf(row)?.every(hasBegun) ?? false;
  });
}

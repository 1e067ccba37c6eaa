import type { LeaseRow } from '../leases/lease.js';
import type { TableView, UnreadableRow } from '../leases/lease-port.js';
import { readRow, type Item } from './lease-row.js';

/** Reads all items of a lease table: the leases, and the items that KCL 3.5 keeps beside them. Ignores other items. */
export function tableView(items: readonly Item[], tableName: string): TableView {
  const leases: LeaseRow[] = [];
  const unreadable: UnreadableRow[] = [];
  let clientVersion: string | undefined;
  let leaderHeartbeat: string | undefined;

  for (const item of items) {
    const leaseKey = item.leaseKey?.S ?? '';
    const type = item.entityType?.S ?? 'LEASE';
    if (type === 'CLIENT_VERSION_MIGRATION') clientVersion = item.cv?.S;
    if (type === 'LEADER' && item.isReleased === undefined) leaderHeartbeat = item.recordVersionNumber?.S;
    if (type !== 'LEASE') continue;
    try {
      leases.push(readRow(item, `table "${tableName}", key ${leaseKey}`));
    } catch (error) {
      unreadable.push({ leaseKey, error: error as Error });
    }
  }
  return {
    leases,
    unreadable,
    ...(clientVersion !== undefined && { clientVersion }),
    ...(leaderHeartbeat !== undefined && { leaderHeartbeat }),
  };
}

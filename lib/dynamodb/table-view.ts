import type { LeaseRow } from '../leases/lease.js';
import type { TableView, UnreadableRow } from '../leases/lease-port.js';
import { readRow, type Item } from './lease-row.js';

/** Reads all items of a lease table: the leases, and the items that KCL 3.5 keeps beside them. Ignores other items. */
export function tableView(items: readonly Item[], tableName: string): TableView {
  const leases: LeaseRow[] = [];
  const unreadable: UnreadableRow[] = [];
  let clientVersion: string | undefined;
  let leader: Pick<TableView, 'leaderHeartbeat' | 'leaderLeaseMs'> = {};

  for (const item of items) {
    const leaseKey = item.leaseKey?.S ?? '';
    const type = item.entityType?.S ?? 'LEASE';
    if (type === 'CLIENT_VERSION_MIGRATION') clientVersion = item.cv?.S;
    if (type === 'LEADER' && item.isReleased === undefined) leader = readLeader(item);
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
    ...leader,
  };
}

/** Reads the lock of the KCL 3 worker that assigns leases. Amazon's lock client writes its times as strings. */
function readLeader({ recordVersionNumber, leaseDuration }: Item): Pick<TableView, 'leaderHeartbeat' | 'leaderLeaseMs'> {
  const leaseMs = Number(leaseDuration?.S);
  return {
    ...(recordVersionNumber?.S !== undefined && { leaderHeartbeat: recordVersionNumber.S }),
    ...(leaseMs > 0 && Number.isFinite(leaseMs) && { leaderLeaseMs: leaseMs }),
  };
}

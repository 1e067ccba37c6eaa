import { isEnded, type LeaseRow, type NewLease } from '../../leases/lease.js';
import type { TableView } from '../../leases/lease-port.js';
import type { LeaseUpdate } from '../../leases/lease-updates.js';

/** The rows of a table in memory, with conditional writes like DynamoDB's. */
export class FakeLeaseRows {
  /** The state that KCL 3 keeps beside the leases. */
  kcl3: Pick<TableView, 'clientVersion' | 'leaderHeartbeat' | 'leaderLeaseMs'> = {};
  readonly #rows = new Map<string, LeaseRow>();
  readonly #switches = new Map<string, number>();

  get(leaseKey: string): LeaseRow | undefined {
    return this.#rows.get(leaseKey);
  }

  all(): LeaseRow[] {
    return [...this.#rows.values()];
  }

  /** How often a lease went from one owner to another since its last checkpoint. */
  switchesOf(leaseKey: string): number {
    return this.#switches.get(leaseKey) ?? 0;
  }

  put(row: LeaseRow): void {
    this.#rows.set(row.leaseKey, row);
  }

  delete(leaseKey: string): void {
    this.#rows.delete(leaseKey);
    this.#switches.delete(leaseKey);
  }

  create(lease: NewLease): boolean {
    if (this.#rows.has(lease.leaseKey)) return false;
    this.put({ ...lease, childShardIds: [] });
    return true;
  }

  update(leaseKey: string, { when, set, remove = [], switchesOwner = false }: LeaseUpdate): boolean {
    const row = this.#rows.get(leaseKey);
    const conditions = Object.entries(when) as [keyof typeof when, string | number | null][];
    if (!row || conditions.some(([attribute, value]) => row[attribute] !== (value ?? undefined))) return false;
    this.put({ ...without(row, remove), ...set });
    if (set.checkpoint) this.#switches.set(leaseKey, 0);
    if (switchesOwner) this.#switches.set(leaseKey, this.switchesOf(leaseKey) + 1);
    return true;
  }

  ring(leaseKey: string): boolean {
    const row = this.#rows.get(leaseKey);
    if (!row || isEnded(row)) return false;
    this.put({ ...row, rings: (row.rings ?? 0) + 1 });
    return true;
  }

  remove(leaseKey: string, leaseCounter: number): boolean {
    if (this.#rows.get(leaseKey)?.leaseCounter !== leaseCounter) return false;
    this.delete(leaseKey);
    return true;
  }
}

function without(row: LeaseRow, attributes: readonly string[]): LeaseRow {
  if (!attributes.some((attribute) => attribute in row)) return row;
  return Object.fromEntries(Object.entries(row).filter(([attribute]) => !attributes.includes(attribute))) as unknown as LeaseRow;
}

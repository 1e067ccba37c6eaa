/** What of a lease decides who should have it. */
export interface AssignableLease {
  readonly leaseKey: string;
  /** The worker that has it, or is being given it; absent when any worker may take it. */
  readonly owner?: string;
  /** For how long it has been seen standing still, in ms. `Infinity`: nobody was ever seen to hold it. */
  readonly idleMs: number;
  /** Whether its shard's parents are done, so that it can be read at once. */
  readonly isReady: boolean;
}

/** What a worker knows when it decides which leases to take. */
export interface AssignmentView {
  readonly workerId: string;
  /** All leases of shards that are not done. */
  readonly leases: readonly AssignableLease[];
  /** How many leases this worker may have. */
  readonly maxLeases: number;
  readonly failoverTimeMs: number;
  /** A number from 0 up to 1. */
  readonly random: () => number;
}

/** Names the leases that a worker should have besides its own: free ones are taken, those of others are asked for. */
export type LeaseAssignment = (view: AssignmentView) => readonly string[];

/** How many leases each worker has; the one that asks is counted, with 0 if it has none. */
export function leaseCounts({ leases, workerId }: Pick<AssignmentView, 'leases' | 'workerId'>): Map<string, number> {
  const counts = new Map([[workerId, 0]]);
  for (const { owner } of leases) if (owner !== undefined) counts.set(owner, (counts.get(owner) ?? 0) + 1);
  return counts;
}

/** How many leases a worker should have, and how many nobody has room for when all workers are limited alike. */
export function leaseTarget(leases: number, workers: number, maxLeases: number): { readonly target: number; readonly spillover: number } {
  const share = workers >= leases ? 1 : Math.ceil(leases / workers);
  const target = Math.min(share, maxLeases);
  return { target, spillover: share - target };
}

/** How many of a victim's leases to steal in one round. */
export function stealCount(need: number, victimCount: number, target: number, maxSteals: number): number {
  const surplus = Math.max(0, Math.min(need, victimCount - target));
  const count = surplus === 0 && victimCount === target && need > 1 ? 1 : surplus;
  return Math.min(count, maxSteals);
}

/** The elements in random order, those that come first by `first` before the others. */
export function shuffled<T>(items: readonly T[], random: () => number, first: (item: T) => boolean = () => false): T[] {
  const order = [...items];
  for (let left = order.length; left > 1; left--) {
    const index = Math.floor(random() * left);
    [order[left - 1], order[index]] = [order[index]!, order[left - 1]!];
  }
  return [...order.filter(first), ...order.filter((item) => !first(item))];
}

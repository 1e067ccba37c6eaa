/** The facts about a lease that decide who should have it. */
export interface AssignableLease {
  /** The key of the row: the id of the shard. */
  readonly leaseKey: string;
  /** The worker that has the lease, or to which it is being handed over; absent when any worker may take it. */
  readonly owner?: string;
  /** While nobody owns it: the worker that this one saw as its owner last. If that worker is alive, it does not want the lease. */
  readonly formerOwner?: string | undefined;
  /** How long it has been seen without renewal, in ms. `Infinity`: nobody was ever seen to hold it. */
  readonly idleMs: number;
  /** How long this worker has seen it as it is, in ms: also one that nobody was ever seen to hold. */
  readonly seenMs: number;
  /** Whether its shard's parents are done, so that it can be read at once. */
  readonly isReady: boolean;
}

/** The facts from which a worker decides which leases to take. */
export interface AssignmentView {
  /** The name of this worker. */
  readonly workerId: string;
  /** All leases of shards that are not done. */
  readonly leases: readonly AssignableLease[];
  /** How many leases this worker may have. */
  readonly maxLeases: number;
  /** For how long a lease must stand still before it may be taken, in ms. */
  readonly failoverTimeMs: number;
  /** Returns a number from 0 up to 1. */
  readonly random: () => number;
}

/** Returns the keys of the leases that a worker should have besides its own: it takes the free ones, and asks for those of others. */
export type LeaseAssignment = (view: AssignmentView) => readonly string[];

/** How many leases each worker has; this worker is included, with 0 if it has none. */
export function leaseCounts({ leases, workerId }: Pick<AssignmentView, 'leases' | 'workerId'>): Map<string, number> {
  const counts = new Map([[workerId, 0]]);
  for (const { owner } of leases) if (owner !== undefined) counts.set(owner, (counts.get(owner) ?? 0) + 1);
  return counts;
}

/** How many leases a worker should have (`target`), and by how many its limit cuts its share (`spillover`). */
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

/** The items in random order, but those for which `first` is true before the others. */
export function shuffled<T>(items: readonly T[], random: () => number, first: (item: T) => boolean = () => false): T[] {
  const order = [...items];
  for (let left = order.length; left > 1; left--) {
    const index = Math.floor(random() * left);
    [order[left - 1], order[index]] = [order[index]!, order[left - 1]!];
  }
  return [...order.filter(first), ...order.filter((item) => !first(item))];
}

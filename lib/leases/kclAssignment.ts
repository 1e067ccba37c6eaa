import { leaseCounts, leaseTarget, shuffled, stealCount, type AssignmentView } from './lease-rules.js';

/** A lease that was not renewed for this many failover times goes to the first worker that sees it. */
const VERY_OLD_FAILOVERS = 3;

/**
 * Takes leases as KCL 2.x does: the first worker to look takes all free leases, and others steal them one by one.
 *
 * @param maxSteals - `maxLeasesToStealAtOneTime`.
 */
export function kclAssignment(view: AssignmentView, maxSteals = 1): readonly string[] {
  const { leases, workerId, maxLeases, failoverTimeMs, random } = view;
  const counts = leaseCounts(view);
  const mine = counts.get(workerId)!;
  const free = shuffled(
    leases.filter(({ owner }) => owner === undefined),
    random,
  );
  const veryOld = free.filter(({ idleMs }) => idleMs > VERY_OLD_FAILOVERS * failoverTimeMs);
  // KCL does nothing else in such a round, even when there is no room.
  if (veryOld.length > 0) return keysOf(veryOld.slice(0, Math.max(0, maxLeases - mine)));

  const { target } = leaseTarget(leases.length, counts.size, maxLeases);
  const need = target - mine;
  if (need <= 0) return [];
  return free.length > 0 ? keysOf(free.slice(0, need)) : steals(view, counts, { need, target, maxSteals });
}

function steals(
  { leases, workerId, random }: AssignmentView,
  counts: ReadonlyMap<string, number>,
  { need, target, maxSteals }: { readonly need: number; readonly target: number; readonly maxSteals: number },
): readonly string[] {
  const others = [...counts].filter(([owner]) => owner !== workerId);
  if (others.length === 0) return [];
  const [victim, count] = others.reduce((most, each) => (each[1] > most[1] ? each : most));
  const theirs = leases.filter(({ owner }) => owner === victim);
  return keysOf(shuffled(theirs, random).slice(0, stealCount(need, count, target, maxSteals)));
}

function keysOf(leases: readonly { readonly leaseKey: string }[]): string[] {
  return leases.map(({ leaseKey }) => leaseKey);
}

import { leaseCounts, leaseTarget, shuffled, stealCount, type AssignmentView } from './lease-rules.js';

/** After this many failover times a free lease is overdue: the workers that should take it have no room, or do not see it. */
const OVERDUE_FAILOVERS = 3;

/**
 * Takes a fair share in one round: free leases up to the worker's target, and when there are none, the surplus of the workers with the
 * most leases.
 *
 * @remarks
 * The target is KCL's, so that a fleet with KCL workers becomes stable. It differs from KCL in two ways: the first worker to look does not
 * take all new leases, and a worker asks for all its missing leases at once, since a hand-over repeats no records. A worker that has given up a
 * free lease does not count where the free ones are shared out: it stops, and drains what it still has. A lease that nobody has taken for three
 * failover times is taken beyond the target.
 */
export function fairAssignment(view: AssignmentView): readonly string[] {
  const { leases, workerId, maxLeases, failoverTimeMs, random } = view;
  const counts = leaseCounts(view);
  const mine = counts.get(workerId)!;
  for (const { formerOwner } of leases) if (formerOwner !== undefined && formerOwner !== workerId) counts.delete(formerOwner);
  const { target } = leaseTarget(leases.length, counts.size, maxLeases);
  const need = Math.max(0, target - mine);
  const free = shuffled(
    leases.filter(({ owner }) => owner === undefined),
    random,
    ({ isReady }) => isReady,
  );
  if (free.length === 0) return need === 0 ? [] : asked(view, { need, target });

  const isOverdue = ({ seenMs }: { seenMs: number }): boolean => seenMs > OVERDUE_FAILOVERS * failoverTimeMs;
  const taken = [...free.slice(0, need), ...free.slice(need).filter(isOverdue)];
  return taken.slice(0, Math.max(0, maxLeases - mine)).map(({ leaseKey }) => leaseKey);
}

/** The leases to ask for: one by one from the worker with the most, until the share is full or nobody has a surplus. */
function asked(
  { leases, workerId, random }: AssignmentView,
  { need, target }: { readonly need: number; readonly target: number },
): readonly string[] {
  const theirs = new Map<string, string[]>();
  for (const { leaseKey, owner } of shuffled(leases, random)) {
    if (owner === undefined || owner === workerId) continue;
    const keys = theirs.get(owner);
    if (keys) keys.push(leaseKey);
    else theirs.set(owner, [leaseKey]);
  }
  const keys: string[] = [];
  while (keys.length < need) {
    const [victim, left] = [...theirs].reduce<[string, string[]]>(
      (most, each) => (each[1].length > most[1].length ? each : most),
      ['', []],
    );
    if (stealCount(need - keys.length, left.length, target, 1) === 0) break;
    keys.push(left.pop()!);
    theirs.set(victim, left);
  }
  return keys;
}

import type { LeasableShard } from '../checkpoints/checkpoint-store.js';
import type { LeaseTakenEvent } from '../monitoring/lease-events.js';
import type { ResolvedLeaseConfig } from './lease-config.js';
import { isEnded, type LeaseRow } from './lease.js';
import { isAvailable, type ObservedLease } from './lease-observer.js';
import type { AssignableLease } from './lease-rules.js';

/** A step to take for one lease. */
export interface LeaseStep {
  readonly row: LeaseRow;
  readonly idleMs: number;
  /** From where the lease comes to this worker; `asked`: its owner is asked to hand it over; `gone`: it is freed, for another worker. */
  readonly from: LeaseTakenEvent['from'] | 'asked' | 'gone';
}

/**
 * How leases come to workers: each takes them by itself, also from others (`taken`); a leader assigns them, as in KCL 3 (`assigned`); or that leader
 * is gone, and workers take what is free and ask for the rest (`leaderless`).
 */
export type AssignmentRule = 'assigned' | 'leaderless' | 'taken';

/** The facts of one look at the table. */
export interface LeaseLook {
  readonly leases: readonly ObservedLease[];
  readonly shards: ReadonlyMap<string, LeasableShard>;
  /** Whether this worker holds the lease in this subscription. */
  readonly isHeld: (leaseKey: string) => boolean;
  /** Whether this worker leaves a lease in its own name to another process of that name, while that renews it. */
  readonly yields: (row: LeaseRow) => boolean;
  readonly rule: AssignmentRule;
  /** Whether a lease may be taken from a worker that cannot be asked. */
  readonly maySteal: boolean;
  /** Whether this worker frees the leases of workers that are gone, which it does not take itself: the others do not watch for them. */
  readonly frees: boolean;
}

type PlanConfig = Pick<ResolvedLeaseConfig, 'assignment' | 'failoverTimeMs' | 'handOverTimeoutMs' | 'maxLeases' | 'random' | 'workerId'>;

/** Decides which leases to take and which to ask for, among the shards in view that are not done. Pure. */
export function planLeases(look: LeaseLook, config: PlanConfig): LeaseStep[] {
  const { failoverTimeMs, handOverTimeoutMs, workerId } = config;
  const inView = look.leases.filter(({ row }) => !isEnded(row) && look.shards.has(row.leaseKey) && !look.isHeld(row.leaseKey));
  // A lease of a shard that this worker has read to its end, or has left, would keep the others from it.
  const wanted = inView.filter(({ row }) => isWanted(look.shards.get(row.leaseKey)));
  const isYielded = ({ row, idleMs }: ObservedLease): boolean => idleMs <= failoverTimeMs && look.yields(row);
  const given = wanted.filter((lease) => lease.row.leaseOwner === workerId && lease.row.checkpointOwner === undefined && !isYielded(lease));
  // Whoever gives a lease away leaves its own name in the row.
  const isOwn = ({ gracefulOwner }: LeaseRow): boolean => gracefulOwner === workerId;
  const steps = given.map(({ row, idleMs }): LeaseStep => ({ row, idleMs, from: isOwn(row) ? 'regained' : 'handedOver' }));
  if (look.rule === 'assigned') return steps;

  // This worker has asked for them, and the owner is gone or does not answer.
  const late = wanted.filter(
    ({ row, idleMs, handOverMs }) =>
      row.leaseOwner === workerId && row.checkpointOwner !== undefined && (idleMs > failoverTimeMs || handOverMs > handOverTimeoutMs),
  );
  const isLate = ({ idleMs }: ObservedLease): LeaseStep['from'] => (idleMs > failoverTimeMs ? 'expired' : 'stolen');
  steps.push(...late.map((lease): LeaseStep => ({ row: lease.row, idleMs: lease.idleMs, from: isLate(lease) })));
  steps.push(...assigned(look, wanted, config));
  return look.frees ? [...steps, ...freed(look, inView, steps, config)] : steps;
}

/** The expired leases that this worker does not take, if there is another worker that may. */
function freed(
  { leases }: LeaseLook,
  inView: readonly ObservedLease[],
  steps: readonly LeaseStep[],
  { failoverTimeMs, workerId }: PlanConfig,
): LeaseStep[] {
  const isTheirs = ({ leaseOwner }: LeaseRow): boolean => leaseOwner !== undefined && leaseOwner !== workerId;
  const expired = leases.filter(({ row, idleMs }) => isTheirs(row) && !isEnded(row) && idleMs > failoverTimeMs);
  const gone = new Set(expired.map(({ row }) => row.leaseOwner));
  if (!leases.some(({ row }) => isTheirs(row) && !isEnded(row) && !gone.has(row.leaseOwner))) return [];
  const taken = new Set(steps.map(({ row }) => row.leaseKey));
  const free = new Set(inView.map(({ row }) => row.leaseKey));
  const rest = expired.filter(({ row: { leaseKey } }) => free.has(leaseKey) && !taken.has(leaseKey));
  return rest.map(({ row, idleMs }): LeaseStep => ({ row, idleMs, from: 'gone' }));
}

/** Whether this worker would read the shard; not if it is out of view. */
function isWanted(shard: LeasableShard | undefined): boolean {
  return shard !== undefined && shard.isWanted !== false;
}

function assigned(look: LeaseLook, wanted: readonly ObservedLease[], config: PlanConfig): LeaseStep[] {
  const { assignment, workerId, maxLeases, failoverTimeMs, handOverTimeoutMs, random } = config;
  const byKey = new Map(wanted.map((lease) => [lease.row.leaseKey, lease]));
  let steals = look.maySteal && look.rule === 'taken' ? 1 : 0;
  const stepTo = (leaseKey: string): LeaseStep[] => {
    const lease = byKey.get(leaseKey);
    // A lease that is being handed over to this worker needs no step; a shard out of view cannot be read.
    if (!lease || lease.row.leaseOwner === workerId) return [];
    const { row, idleMs, handOverMs } = lease;
    if (isAvailable(lease, failoverTimeMs)) return [{ row, idleMs, from: row.leaseOwner === undefined ? 'free' : 'expired' }];
    const canBeAsked = row.gracefulOwner === row.leaseOwner && row.checkpointOwner === undefined;
    if (canBeAsked) return [{ row, idleMs, from: 'asked' }];
    const isBusy = row.checkpointOwner !== undefined && handOverMs <= handOverTimeoutMs;
    return isBusy || steals-- <= 0 ? [] : [{ row, idleMs, from: 'stolen' }];
  };
  const leases = assignable(look, config);
  return [...new Set(assignment({ workerId, leases, maxLeases, failoverTimeMs, random }))].flatMap(stepTo);
}

/** The leases that count for the assignment: those that this worker has or may take, and those that others have. */
function assignable({ leases, shards, isHeld }: LeaseLook, { workerId, failoverTimeMs }: PlanConfig): AssignableLease[] {
  const counted: AssignableLease[] = [];
  for (const lease of leases) {
    const { row, wasHeld, idleMs, formerOwner } = lease;
    const { leaseKey } = row;
    if (isEnded(row)) continue;
    const isMine = isHeld(leaseKey) || row.leaseOwner === workerId;
    const isFree = !isMine && isAvailable(lease, failoverTimeMs);
    const shard = shards.get(leaseKey);
    if (isFree && !isWanted(shard)) continue;
    const owner = isMine ? workerId : isFree ? undefined : row.leaseOwner;
    const known = { leaseKey, idleMs: wasHeld ? idleMs : Infinity, seenMs: idleMs, isReady: shard?.isReady ?? false, formerOwner };
    counted.push(owner === undefined ? known : Object.assign(known, { owner }));
  }
  return counted;
}

import { AT_TIMESTAMP, LATEST, TRIM_HORIZON, type InitialPosition } from '../values/position.js';
import { isEnded, type NewLease } from './lease.js';
import { newLease } from './new-lease.js';
import { ancestorsOfBegun, byStart, doneShards, unreadParents, type LeaseRows, type ListedShard } from './listed-shards.js';

/**
 * The missing leases of a stream's shards, parents first. They must be written in this order: if the writing is interrupted, there are
 * parents without children, and not children without parents.
 *
 * @remarks
 * An empty table gets a lease for each listed shard, but under `LATEST` only for each open one. Later it does what KCL's full sync does: an
 * open shard without a lease and without an ancestor that has one begins at the initial position, and so do the oldest of its listed
 * ancestors (except under `LATEST`); a shard that descends from a lease waits until that one ends. Unlike KCL it makes no row above work that
 * has begun. In addition to KCL, a shard whose parent has ended gets its lease, which the worker that ended the parent should have made, and
 * which KCL never makes later. So does a closed shard whose row was deleted before work on a child has begun.
 *
 * @param latestMs - the time that `LATEST` means, in ms since 1970.
 */
export function missingLeases(
  shards: readonly ListedShard[],
  rows: LeaseRows,
  initialPosition: InitialPosition,
  latestMs?: number,
): NewLease[] {
  const starts = rows.size === 0 ? firstStarts(shards, initialPosition) : laterStarts(shards, rows, initialPosition);
  return [...shards]
    .filter(({ shardId }) => starts.has(shardId))
    .sort(byStart)
    .map((shard) => newLease(shard, starts.get(shard.shardId)!, latestMs));
}

type Starts = Map<string, InitialPosition>;

function firstStarts(shards: readonly ListedShard[], initialPosition: InitialPosition): Starts {
  const wanted = shards.filter(({ closed }) => !closed || initialPosition !== LATEST);
  return new Map(wanted.map(({ shardId }) => [shardId, initialPosition]));
}

function laterStarts(shards: readonly ListedShard[], rows: LeaseRows, initialPosition: InitialPosition): Starts {
  if (shards.every(({ shardId }) => rows.has(shardId))) return new Map();
  // Never LATEST: the records of a parent must still be read.
  const parentStart = initialPosition === AT_TIMESTAMP ? AT_TIMESTAMP : TRIM_HORIZON;
  const starts = startsOfOpen(shards, rows, initialPosition, parentStart);
  for (const { shardId } of unreadParents(shards, rows)) starts.set(shardId, parentStart);
  for (const shardId of orphans(shards, rows)) starts.set(shardId, TRIM_HORIZON);
  return starts;
}

/** Where the open shards without a lease begin, and their ancestors. */
function startsOfOpen(
  shards: readonly ListedShard[],
  rows: LeaseRows,
  initialPosition: InitialPosition,
  parentStart: InitialPosition,
): Starts {
  const open = shards.filter(({ shardId, closed }) => !closed && !rows.has(shardId));
  const starts: Starts = new Map();
  if (open.length === 0) return starts;
  const listed = new Map(shards.map((shard) => [shard.shardId, shard]));
  const done = ancestorsOfBegun(listed, rows);
  // A shard whose row was cleaned up is not to be read once more, because somebody has deleted the row of one of its children.
  const isRelevant = (id: string): boolean => listed.has(id) && (rows.has(id) || !done.has(id));
  const parentsOf = ({ parentShardIds }: ListedShard): string[] => parentShardIds.filter(isRelevant);
  const descendants = new Set<string>();

  // Parents first, so that each shard finds the results of its parents.
  for (const shard of lineageOf(open, rows, (shard) => parentsOf(shard).map((id) => listed.get(id)!)).sort(byStart)) {
    const parents = parentsOf(shard);
    const strangers = parents.filter((id) => !descendants.has(id));
    const isOldest = parents.length === 0 && initialPosition !== LATEST;
    const isDescendant = rows.has(shard.shardId) || isOldest || strangers.length < parents.length;
    if (isDescendant) descendants.add(shard.shardId);
    if (rows.has(shard.shardId)) continue;
    if (isOldest) starts.set(shard.shardId, initialPosition);
    if (isDescendant) strangers.forEach((id) => starts.set(id, parentStart));
    else if (!shard.closed) starts.set(shard.shardId, initialPosition);
  }
  return starts;
}

/** The open shards without a lease, and their ancestors up to the first that has one. */
function lineageOf(open: readonly ListedShard[], rows: LeaseRows, parentsOf: (shard: ListedShard) => ListedShard[]): ListedShard[] {
  const lineage = new Set(open);
  // The loop also visits the elements that are added to the set meanwhile.
  for (const shard of lineage) if (!rows.has(shard.shardId)) parentsOf(shard).forEach((parent) => lineage.add(parent));
  return [...lineage];
}

/** The shards whose parent has ended, that have no lease and are not done. */
function orphans(shards: readonly ListedShard[], rows: LeaseRows): string[] {
  const hasEndedParent = ({ parentShardIds }: ListedShard): boolean =>
    parentShardIds.some((id) => {
      const parent = rows.get(id);
      return parent !== undefined && isEnded(parent);
    });
  const orphaned = shards.filter((shard) => !rows.has(shard.shardId) && hasEndedParent(shard));
  if (orphaned.length === 0) return [];
  const done = doneShards(shards, rows);
  return orphaned.map(({ shardId }) => shardId).filter((shardId) => !done.has(shardId));
}

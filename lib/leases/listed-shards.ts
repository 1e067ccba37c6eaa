import type { LeasableShard } from '../checkpoints/checkpoint-store.js';
import { compareSequenceNumbers, SHARD_END } from '../values/position.js';
import type { HashKeyRange } from '../values/shard-id.js';
import { coverRange } from './hash-keys.js';
import { hasBegun, isEnded, type LeaseRow } from './lease.js';

/** The rows of a table, by shard. */
export type LeaseRows = Pick<ReadonlyMap<string, LeaseRow>, 'get' | 'has' | 'size'>;

/** A shard as its stream lists it. */
export type ListedShard = Pick<LeasableShard, 'shardId' | 'parentShardIds' | 'hashKeyRange' | 'closed' | 'startingSequenceNumber'>;

/** Sorts older shards first. A child that its parent has just named and that is not listed yet counts as the youngest. */
export function byStart(a: ListedShard, b: ListedShard): number {
  const [start, other] = [a.startingSequenceNumber ?? SHARD_END, b.startingSequenceNumber ?? SHARD_END];
  return compareSequenceNumbers(start, other) || (a.shardId < b.shardId ? -1 : 1);
}

interface WithHashKeys {
  readonly hashKeyRange?: HashKeyRange;
}

/** The children of each shard. */
export function childrenByParent<T extends Pick<ListedShard, 'parentShardIds'>>(shards: readonly T[]): Map<string, T[]> {
  const children = new Map<string, T[]>();
  for (const shard of shards) {
    for (const parentId of shard.parentShardIds) {
      const siblings = children.get(parentId);
      if (siblings) siblings.push(shard);
      else children.set(parentId, [shard]);
    }
  }
  return children;
}

/** Whether these are all the children of a shard: together they cover its hash key range. */
export function areAllChildren(shard: WithHashKeys, children: readonly WithHashKeys[]): boolean {
  const ranges = children.map(({ hashKeyRange }) => hashKeyRange);
  if (children.length === 0 || !shard.hashKeyRange || ranges.includes(undefined)) return false;
  return coverRange(ranges as HashKeyRange[], shard.hashKeyRange);
}

/**
 * The listed shards that are done: those whose row has SHARD_END, and closed shards without a row whose children all have rows or are done
 * themselves, if work on one of the children has begun. KCL deletes the row of an ended shard once work on all its children has begun. A look
 * may miss a row that is there, but never shows work on a child that has not begun.
 */
export function doneShards(shards: readonly ListedShard[], rows: LeaseRows): Set<string> {
  const done = new Set<string>();
  for (const { shardId } of shards) if (hasEndedRow(rows, shardId)) done.add(shardId);
  for (const { shard, children } of parentsWithoutRow(shards, rows)) {
    const isKnown = ({ shardId }: ListedShard): boolean => rows.has(shardId) || done.has(shardId);
    const isBegun = ({ shardId }: ListedShard): boolean => done.has(shardId) || isBegunRow(rows.get(shardId));
    if (children.every(isKnown) && children.some(isBegun)) done.add(shard.shardId);
  }
  return done;
}

/**
 * The closed shards whose rows are gone although they are not done: all their children have rows, and work on none of them has begun. Nobody would
 * read these shards, and their children would wait for them.
 */
export function unreadParents(shards: readonly ListedShard[], rows: LeaseRows): ListedShard[] {
  // What is in a row that cannot be read is not known.
  const isWaiting = ({ shardId }: ListedShard): boolean => rows.get(shardId) !== undefined && !isBegunRow(rows.get(shardId));
  return parentsWithoutRow(shards, rows).flatMap(({ shard, children }) => (children.every(isWaiting) ? [shard] : []));
}

/** The listed shards above work that has begun: they were done then. Their rows may have been cleaned up. */
export function ancestorsOfBegun(listed: ReadonlyMap<string, ListedShard>, rows: LeaseRows): Set<string> {
  const ancestors = new Set<string>();
  const begun = [...listed.values()].filter(({ shardId }) => isBegunRow(rows.get(shardId)));
  begun.forEach(({ parentShardIds }) => parentShardIds.forEach((id) => ancestors.add(id)));
  // The loop also visits the elements that are added to the set meanwhile.
  for (const id of ancestors) listed.get(id)?.parentShardIds.forEach((parentId) => ancestors.add(parentId));
  return ancestors;
}

/** The closed shards without a row, and their children where all of them are listed; children come before their parents, since they are younger. */
function parentsWithoutRow(shards: readonly ListedShard[], rows: LeaseRows): { shard: ListedShard; children: readonly ListedShard[] }[] {
  const without = shards.filter(({ shardId, closed }) => closed && !rows.has(shardId));
  if (without.length === 0) return [];
  const childrenOf = childrenByParent(shards);
  return without
    .sort((a, b) => byStart(b, a))
    .map((shard) => ({ shard, children: childrenOf.get(shard.shardId) ?? [] }))
    .filter(({ shard, children }) => areAllChildren(shard, children));
}

function hasEndedRow(rows: LeaseRows, shardId: string): boolean {
  const row = rows.get(shardId);
  return row !== undefined && isEnded(row);
}

function isBegunRow(row: LeaseRow | undefined): boolean {
  return row !== undefined && hasBegun(row);
}

import type { LeasableShard } from '../checkpoints/checkpoint-store.js';
import { compareSequenceNumbers, SHARD_END } from '../values/position.js';
import type { HashKeyRange } from '../values/shard-id.js';
import { coverRange } from './hash-keys.js';
import { isEnded, type LeaseRow } from './lease.js';

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
 * themselves. KCL deletes the row of an ended shard once all its children have checkpoints.
 */
export function doneShards(shards: readonly ListedShard[], rows: LeaseRows): Set<string> {
  const done = new Set<string>();
  const rest: ListedShard[] = [];
  for (const shard of shards) {
    const row = rows.get(shard.shardId);
    if (row && isEnded(row)) done.add(shard.shardId);
    if (!row && shard.closed) rest.push(shard);
  }
  if (rest.length === 0) return done;
  const children = childrenByParent(shards);
  const isDone = (shard: ListedShard): boolean => {
    const own = children.get(shard.shardId) ?? [];
    return areAllChildren(shard, own) && own.every(({ shardId }) => rows.has(shardId) || done.has(shardId));
  };
  // Children come before their parents, since they are younger.
  for (const shard of rest.sort((a, b) => byStart(b, a))) if (isDone(shard)) done.add(shard.shardId);
  return done;
}

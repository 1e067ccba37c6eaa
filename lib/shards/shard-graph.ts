import type { HashKeyRange } from '../values/shard-id.js';

/** A shard as the graph knows it. */
export interface GraphShard {
  readonly shardId: string;
  readonly parentShardIds: readonly string[];
  /** The hash keys it holds, decimal and inclusive. */
  readonly hashKeyRange: HashKeyRange;
  /** Whether it takes no more records. */
  readonly closed: boolean;
  /** Where the listing says that it begins; a child named by its parent is not listed yet. */
  readonly startingSequenceNumber?: string;
}

/**
 * How a shard came to its end here: it was read on from where earlier work had come to, or elsewhere (`resumed`), or from where
 * reading begins (`read`), or it was older than that (`skipped`).
 */
export type Outcome = 'read' | 'resumed' | 'skipped';

interface Node {
  shard: GraphShard;
  /** Whether it was there when the graph was first filled. */
  readonly initial: boolean;
  /** `waiting` to be taken, `taken`, `left` before its end and for good, or how it came to its end. */
  state: 'waiting' | 'taken' | 'left' | Outcome;
}

/** A shard that may be read now, and what its place in the graph says about where to begin. */
export interface ReadyShard {
  readonly shard: GraphShard;
  readonly initial: boolean;
  /** Whether records of a parent were read: then all of this shard's that came after the beginning are still to be read. */
  readonly hasReadParent: boolean;
  /** Whether a parent was read on from earlier work: then all of this shard's are still to be read, whatever the beginning. */
  readonly hasResumedParent: boolean;
  /** Parents that no listing shows: what became of them, only the checkpoints can tell. */
  readonly unlistedParentIds: readonly string[];
}

/**
 * The shards of a stream and how they descend from each other; says which may be read, parents before children.
 *
 * @remarks
 * Pure. A shard waits, is taken, and then either comes to its end (`finish`, here or elsewhere), or is given back (`release`) and
 * waits again, or is left for good (`leave`). A parent that no listing shows is past the retention and holds nothing up. Shards that are finished or left are forgotten when
 * they are no longer listed.
 */
export class ShardGraph {
  readonly #nodes = new Map<string, Node>();
  #listed = false;

  /** Enters a full listing of the stream's shards; gives the ids that are new. */
  list(shards: readonly GraphShard[]): string[] {
    const added: string[] = [];
    for (const shard of shards) {
      const known = this.#nodes.get(shard.shardId);
      if (known) known.shard = shard;
      else added.push(this.#add(shard, !this.#listed));
    }
    this.#listed = true;
    const ids = new Set(shards.map((shard) => shard.shardId));
    for (const [id, node] of this.#nodes) if ((isDone(node) || node.state === 'left') && !ids.has(id)) this.#nodes.delete(id);
    return added;
  }

  /**
   * Enters the children that a shard named at its end, ahead of the next listing.
   *
   * @returns whether all their parents are known. If not, only a listing can tell whether one is still to be read.
   */
  announce(children: readonly GraphShard[]): boolean {
    const known = children.filter((child) => child.parentShardIds.every((id) => this.#nodes.has(id)));
    for (const shard of known) if (!this.#nodes.has(shard.shardId)) this.#add(shard, false);
    return known.length === children.length;
  }

  /** Takes the shards that wait, whose parents are done, and that `mayTake` allows (default: all). */
  takeReady(mayTake: (shardId: string) => boolean = () => true): ReadyShard[] {
    const ready = [...this.#nodes.values()].filter((node) => this.#isReady(node) && mayTake(node.shard.shardId));
    return ready.map((node) => {
      node.state = 'taken';
      const parents = this.#parentsOf(node).map((parent) => parent.state);
      const hasResumedParent = parents.includes('resumed');
      const hasReadParent = hasResumedParent || parents.includes('read');
      const unlistedParentIds = node.shard.parentShardIds.filter((id) => !this.#nodes.has(id));
      return { shard: node.shard, initial: node.initial, hasReadParent, hasResumedParent, unlistedParentIds };
    });
  }

  /** A shard is done, here or elsewhere: its children may be read. */
  finish(shardId: string, outcome: Outcome): void {
    const node = this.#nodes.get(shardId);
    if (node) node.state = outcome;
  }

  /** A shard was given up before its end: it waits to be taken again. */
  release(shardId: string): void {
    const node = this.#nodes.get(shardId);
    if (node?.state === 'taken') node.state = 'waiting';
  }

  /** A shard was left before its end: it is not taken again here, though others may read it to its end. */
  leave(shardId: string): void {
    const node = this.#nodes.get(shardId);
    if (node?.state === 'taken') node.state = 'left';
  }

  /** Whether a child of the shard is in view. */
  hasChildren(shardId: string): boolean {
    return [...this.#nodes.values()].some(({ shard }) => shard.parentShardIds.includes(shardId));
  }

  /** The shards that are not done, and whether the parents of each are; one that was left is never ready. */
  unfinished(): { readonly shard: GraphShard; readonly isReady: boolean }[] {
    const nodes = [...this.#nodes.values()].filter((node) => !isDone(node));
    return nodes.map((node) => ({ shard: node.shard, isReady: node.state !== 'left' && this.#parentsOf(node).every(isDone) }));
  }

  /** How many shards are in view. */
  get size(): number {
    return this.#nodes.size;
  }

  #add(shard: GraphShard, initial: boolean): string {
    this.#nodes.set(shard.shardId, { shard, initial, state: 'waiting' });
    return shard.shardId;
  }

  #isReady(node: Node): boolean {
    return node.state === 'waiting' && this.#parentsOf(node).every(isDone);
  }

  #parentsOf(node: Node): Node[] {
    return node.shard.parentShardIds.flatMap((id) => this.#nodes.get(id) ?? []);
  }
}

function isDone({ state }: Node): boolean {
  return state !== 'waiting' && state !== 'taken' && state !== 'left';
}

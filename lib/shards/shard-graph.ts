import type { HashKeyRange } from '../values/shard-id.js';

/** A shard as the graph knows it. */
export interface GraphShard {
  readonly shardId: string;
  readonly parentShardIds: readonly string[];
  /** The hash keys it holds, decimal and inclusive. */
  readonly hashKeyRange: HashKeyRange;
  /** Whether it takes no more records. */
  readonly closed: boolean;
}

/**
 * How a shard came to its end here: it was read on from where earlier work had come to (`resumed`), or from where reading
 * begins (`read`), or it was older than that (`skipped`).
 */
export type Outcome = 'read' | 'resumed' | 'skipped';

interface Node {
  readonly shard: GraphShard;
  /** Whether it was there when the graph was first filled. */
  readonly initial: boolean;
  started: boolean;
  outcome: Outcome | undefined;
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
 * @remarks Pure. A parent that no listing shows is past the retention and holds nothing up. Finished shards are forgotten when they are no longer listed.
 */
export class ShardGraph {
  readonly #nodes = new Map<string, Node>();
  #listed = false;

  /** Enters a full listing of the stream's shards; gives the ids that are new. */
  list(shards: readonly GraphShard[]): string[] {
    const added = shards.filter((shard) => !this.#nodes.has(shard.shardId));
    for (const shard of added) this.#nodes.set(shard.shardId, { shard, initial: !this.#listed, started: false, outcome: undefined });
    this.#listed = true;
    const ids = new Set(shards.map((shard) => shard.shardId));
    for (const [id, node] of this.#nodes) if (node.outcome && !ids.has(id)) this.#nodes.delete(id);
    return added.map((shard) => shard.shardId);
  }

  /**
   * Enters the children that a shard named at its end, ahead of the next listing.
   *
   * @returns whether all their parents are known. If not, only a listing can tell whether one is still to be read.
   */
  announce(children: readonly GraphShard[]): boolean {
    const known = children.filter((child) => child.parentShardIds.every((id) => this.#nodes.has(id)));
    for (const shard of known) {
      if (!this.#nodes.has(shard.shardId)) this.#nodes.set(shard.shardId, { shard, initial: false, started: false, outcome: undefined });
    }
    return known.length === children.length;
  }

  /** Takes the shards that may be read now; each is given once. */
  takeReady(): ReadyShard[] {
    const ready = [...this.#nodes.values()].filter((node) => !node.started && this.#parentsOf(node).every((parent) => parent.outcome));
    return ready.map((node) => {
      node.started = true;
      const outcomes = this.#parentsOf(node).map((parent) => parent.outcome);
      const hasResumedParent = outcomes.includes('resumed');
      const hasReadParent = hasResumedParent || outcomes.includes('read');
      const unlistedParentIds = node.shard.parentShardIds.filter((id) => !this.#nodes.has(id));
      return { shard: node.shard, initial: node.initial, hasReadParent, hasResumedParent, unlistedParentIds };
    });
  }

  /** A shard is done: its children may be read. */
  finish(shardId: string, outcome: Outcome): void {
    const node = this.#nodes.get(shardId);
    if (node) node.outcome = outcome;
  }

  /** How many shards are in view. */
  get size(): number {
    return this.#nodes.size;
  }

  #parentsOf(node: Node): Node[] {
    return node.shard.parentShardIds.flatMap((id) => this.#nodes.get(id) ?? []);
  }
}

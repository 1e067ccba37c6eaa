import { ownAncestor } from '../kinesis/own-ancestor.js';
import { InvalidValueError } from '../values/errors.js';
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
  /** `waiting` to be taken, `taken`, or how it came to its end. */
  state: 'waiting' | 'taken' | Outcome;
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
 * Pure. A shard waits, is taken, and then either comes to its end (`finish`, here or elsewhere) or is given back (`release`) and
 * waits again. A parent that no listing shows is past the retention and holds nothing up. Finished shards are forgotten when they
 * are no longer listed.
 */
export class ShardGraph {
  readonly #nodes = new Map<string, Node>();
  /** The shards in view that descend from each one, which itself need not be in view. */
  readonly #childIds = new Map<string, Set<string>>();
  /** Those that wait, and whose parents are done. */
  readonly #ready = new Set<Node>();
  #listed = false;

  /**
   * Enters a full listing of the stream's shards; gives the ids that are new.
   *
   * @throws InvalidValueError when a shard would descend from itself, which no order of reading comes to; nothing is entered then.
   */
  list(shards: readonly GraphShard[]): string[] {
    this.#refuseCycles(shards);
    const added: string[] = [];
    for (const shard of shards) {
      const known = this.#nodes.get(shard.shardId);
      if (known) this.#update(known, shard);
      else added.push(this.#add(shard, !this.#listed));
    }
    this.#listed = true;
    const ids = new Set(shards.map((shard) => shard.shardId));
    for (const [id, node] of this.#nodes) if (isDone(node) && !ids.has(id)) this.#forget(node);
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
    const ready = [...this.#ready].filter((node) => mayTake(node.shard.shardId));
    return ready.map((node) => {
      this.#setState(node, 'taken');
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
    if (node) this.#setState(node, outcome);
  }

  /** A shard was given up before its end: it waits to be taken again. */
  release(shardId: string): void {
    const node = this.#nodes.get(shardId);
    if (node?.state === 'taken') this.#setState(node, 'waiting');
  }

  /** Whether a child of the shard is in view. */
  hasChildren(shardId: string): boolean {
    return this.#childIds.has(shardId);
  }

  /** All shards in view, and whether the parents of each are done. */
  inView(): { readonly shard: GraphShard; readonly isReady: boolean }[] {
    return [...this.#nodes.values()].map((node) => ({ shard: node.shard, isReady: this.#parentsOf(node).every(isDone) }));
  }

  /** The shards that are not done, and whether the parents of each are. */
  unfinished(): { readonly shard: GraphShard; readonly isReady: boolean }[] {
    const nodes = [...this.#nodes.values()].filter((node) => !isDone(node));
    return nodes.map((node) => ({ shard: node.shard, isReady: this.#parentsOf(node).every(isDone) }));
  }

  /** How many shards are in view. */
  get size(): number {
    return this.#nodes.size;
  }

  #add(shard: GraphShard, initial: boolean): string {
    const node: Node = { shard, initial, state: 'waiting' };
    this.#nodes.set(shard.shardId, node);
    this.#enterChild(shard);
    this.#lookAt(node);
    this.#lookAtChildrenOf(shard.shardId);
    return shard.shardId;
  }

  /** A later listing knows more of a shard; of one that was named by its parent, also the other parent. */
  #update(node: Node, shard: GraphShard): void {
    this.#leaveChild(node.shard);
    node.shard = shard;
    this.#enterChild(shard);
    this.#lookAt(node);
  }

  #forget({ shard }: Node): void {
    this.#nodes.delete(shard.shardId);
    this.#leaveChild(shard);
  }

  #setState(node: Node, state: Node['state']): void {
    node.state = state;
    this.#lookAt(node);
    if (isDone(node)) this.#lookAtChildrenOf(node.shard.shardId);
  }

  #lookAt(node: Node): void {
    if (node.state === 'waiting' && this.#parentsOf(node).every(isDone)) this.#ready.add(node);
    else this.#ready.delete(node);
  }

  /** Only these, so that a line of many shards takes no look at all of them for each one that is done. */
  #lookAtChildrenOf(shardId: string): void {
    for (const id of this.#childIds.get(shardId) ?? []) {
      const child = this.#nodes.get(id);
      if (child) this.#lookAt(child);
    }
  }

  #enterChild({ shardId, parentShardIds }: GraphShard): void {
    for (const parent of parentShardIds) this.#childIds.set(parent, (this.#childIds.get(parent) ?? new Set()).add(shardId));
  }

  #leaveChild({ shardId, parentShardIds }: GraphShard): void {
    for (const parent of parentShardIds) {
      const siblings = this.#childIds.get(parent);
      siblings?.delete(shardId);
      if (siblings?.size === 0) this.#childIds.delete(parent);
    }
  }

  #parentsOf(node: Node): Node[] {
    return node.shard.parentShardIds.flatMap((id) => this.#nodes.get(id) ?? []);
  }

  #refuseCycles(shards: readonly GraphShard[]): void {
    const parentsOf = new Map<string, readonly string[]>();
    for (const { shard } of this.#nodes.values()) parentsOf.set(shard.shardId, shard.parentShardIds);
    for (const shard of shards) parentsOf.set(shard.shardId, shard.parentShardIds);
    const own = ownAncestor(parentsOf);
    if (own !== undefined) throw new InvalidValueError(`the list of shards: ${own} is an ancestor of itself`);
  }
}

function isDone({ state }: Node): boolean {
  return state !== 'waiting' && state !== 'taken';
}

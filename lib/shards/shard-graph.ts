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
  /** The sequence number at which it begins; absent for a child that its parent named and that is not listed yet. */
  readonly startingSequenceNumber?: string;
}

/**
 * How a shard came to its end: it was read on from earlier work or from its oldest record, or by another worker (`resumed`), or it was
 * read from the time of `startFrom` (`read`), or it was closed before that time (`skipped`).
 */
export type Outcome = 'read' | 'resumed' | 'skipped';

interface Node {
  shard: GraphShard;
  /** Whether the first listing had it. */
  readonly initial: boolean;
  /** `waiting` to be taken, `taken`, `left` for good before its end, or how it came to its end. */
  state: 'waiting' | 'taken' | 'left' | Outcome;
}

/** A shard that may be read now, and what the graph says about where to begin. */
export interface ReadyShard {
  readonly shard: GraphShard;
  readonly initial: boolean;
  /** Whether a parent was read: then all records of this shard after `startFrom` must be read. */
  readonly hasReadParent: boolean;
  /** Whether a parent was `resumed`: then all records of this shard must be read, whatever `startFrom` says. */
  readonly hasResumedParent: boolean;
  /** Parents that are in no listing: only their checkpoints show whether they were read. */
  readonly unlistedParentIds: readonly string[];
}

/** A shard of the graph: whether its parents are done, and whether it is neither done nor left here. */
export interface ShardInView {
  readonly shard: GraphShard;
  readonly isReady: boolean;
  readonly isWanted: boolean;
}

/**
 * The shards of a stream with their parents and children; it decides which shards may be read, parents before children.
 *
 * @remarks
 * Pure. A shard waits, is taken, and then either comes to its end (`finish`, here or elsewhere), or is given back (`release`) and
 * waits again, or is left for good (`leave`). A parent that is in no listing is past the retention, and its children do not wait for it:
 * whoever lists the shards asks once more before one listing alone is believed (`lacksNewParent`).
 * The graph forgets finished and left shards when two listings, one after the other, do not have them.
 */
export class ShardGraph {
  readonly #nodes = new Map<string, Node>();
  /** The children in view of each shard; the parent itself need not be in view. */
  readonly #childIds = new Map<string, Set<string>>();
  /** The shards that wait and whose parents are done. */
  readonly #ready = new Set<Node>();
  /** The finished and left shards that the last listing did not have. */
  #unlisted: ReadonlySet<Node> = new Set();
  #listed = false;
  /** All shards as they were last asked for; `undefined` when something has changed since. */
  #view: readonly ShardInView[] | undefined;

  /**
   * The first shard that begins elsewhere than it did before: its stream was deleted and made again. Also one that was read to its end, since
   * nobody would read what has its id now.
   */
  remadeIn(shards: readonly GraphShard[]): string | undefined {
    return shards.find((shard) => isRemade(this.#nodes.get(shard.shardId)?.shard, shard))?.shardId;
  }

  /** Whether a listing names a parent that it does not have and that was never heard of: it may be past the retention, or is left out by mistake. */
  lacksNewParent(shards: readonly GraphShard[]): boolean {
    const ids = new Set(shards.map((shard) => shard.shardId));
    const isNew = (id: string): boolean => !ids.has(id) && !this.#nodes.has(id) && !this.#childIds.has(id);
    return shards.some(({ parentShardIds }) => parentShardIds.some(isNew));
  }

  /**
   * Enters a full listing of the stream's shards; returns the new ids. An empty one says nothing: a stream has at least one shard.
   *
   * @throws InvalidValueError when a shard would descend from itself, since it could never be read; nothing is entered then.
   */
  list(shards: readonly GraphShard[]): string[] {
    if (shards.length === 0) return [];
    this.#refuseCycles(shards);
    const added: string[] = [];
    for (const shard of shards) {
      const known = this.#nodes.get(shard.shardId);
      if (known) this.#update(known, shard);
      else added.push(this.#add(shard, !this.#listed));
    }
    this.#listed = true;
    const ids = new Set(shards.map((shard) => shard.shardId));
    const unlisted = [...this.#nodes.values()].filter((node) => !isOpen(node) && !ids.has(node.shard.shardId));
    for (const node of unlisted) if (this.#unlisted.has(node)) this.#forget(node);
    this.#unlisted = new Set(unlisted);
    return added;
  }

  /**
   * Enters the children that a shard named at its end, before the next listing.
   *
   * @returns whether all their parents are known. If not, only a listing can show whether an unknown parent must be read first.
   */
  announce(children: readonly GraphShard[]): boolean {
    const known = children.filter((child) => child.parentShardIds.every((id) => this.#nodes.has(id)));
    for (const shard of known) if (!this.#nodes.has(shard.shardId)) this.#add(shard, false);
    return known.length === children.length;
  }

  /** Takes the waiting shards whose parents are done and that `mayTake` allows (default: all). */
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

  /** Notes that a shard is done, here or elsewhere: its children may be read. */
  finish(shardId: string, outcome: Outcome): void {
    const node = this.#nodes.get(shardId);
    if (node) this.#setState(node, outcome);
  }

  /** Notes that a shard was given up before its end: it waits to be taken again. */
  release(shardId: string): void {
    const node = this.#nodes.get(shardId);
    if (node?.state === 'taken') this.#setState(node, 'waiting');
  }

  /** Notes that a shard was left before its end: it is not taken again here, but other workers may read it to its end. */
  leave(shardId: string): void {
    const node = this.#nodes.get(shardId);
    if (node?.state === 'taken') this.#setState(node, 'left');
  }

  /** A shard in view. */
  get(shardId: string): GraphShard | undefined {
    return this.#nodes.get(shardId)?.shard;
  }

  /** Whether a child of the shard is in view. */
  hasChildren(shardId: string): boolean {
    return this.#childIds.has(shardId);
  }

  /**
   * All shards in view, in the same array until something in it changes. A shard that is done is closed, whatever the last listing said.
   */
  inView(): readonly ShardInView[] {
    return (this.#view ??= [...this.#nodes.values()].map((node) => ({
      shard: isDone(node) ? { ...node.shard, closed: true } : node.shard,
      isReady: node.state !== 'left' && this.#parentsOf(node).every(isDone),
      isWanted: isOpen(node),
    })));
  }

  /** The shards that are not done, and whether their parents are. */
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
    this.#view = undefined;
    this.#nodes.set(shard.shardId, node);
    this.#enterChild(shard);
    this.#lookAt(node);
    this.#lookAtChildrenOf(shard.shardId);
    return shard.shardId;
  }

  /** Updates a shard from a later listing, which for a child named by its parent may also have the other parent. */
  #update(node: Node, shard: GraphShard): void {
    if (!isSame(node.shard, shard)) this.#view = undefined;
    this.#leaveChild(node.shard);
    node.shard = shard;
    this.#enterChild(shard);
    this.#lookAt(node);
  }

  #forget({ shard, state }: Node): void {
    this.#nodes.delete(shard.shardId);
    this.#view = undefined;
    this.#leaveChild(shard);
    // Children do not wait for a parent that is out of view.
    if (state === 'left') this.#lookAtChildrenOf(shard.shardId);
  }

  #setState(node: Node, state: Node['state']): void {
    if (!isOpen(node) || !isOpen({ state })) this.#view = undefined;
    node.state = state;
    this.#lookAt(node);
    if (isDone(node)) this.#lookAtChildrenOf(node.shard.shardId);
  }

  #lookAt(node: Node): void {
    if (node.state === 'waiting' && this.#parentsOf(node).every(isDone)) this.#ready.add(node);
    else this.#ready.delete(node);
  }

  /** Looks at the children only, so that a shard that is done does not cost a look at all shards. */
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

/** Whether a shard begins elsewhere than the one of its id that was known, as far as both are known. */
export function isRemade(
  known: Pick<GraphShard, 'startingSequenceNumber'> | undefined,
  { startingSequenceNumber: start }: Pick<GraphShard, 'startingSequenceNumber'>,
): boolean {
  return known?.startingSequenceNumber !== undefined && start !== undefined && known.startingSequenceNumber !== start;
}

/** Whether a listing says the same of a shard as was known; its hash keys never change. */
function isSame(known: GraphShard, listed: GraphShard): boolean {
  const { closed, startingSequenceNumber, parentShardIds } = listed;
  const isAsBefore = known.closed === closed && known.startingSequenceNumber === startingSequenceNumber;
  return (
    isAsBefore && known.parentShardIds.length === parentShardIds.length && parentShardIds.every((id) => known.parentShardIds.includes(id))
  );
}

/** Whether it is neither done nor left here. */
function isOpen({ state }: Pick<Node, 'state'>): boolean {
  return state === 'waiting' || state === 'taken';
}

function isDone(node: Node): boolean {
  return !isOpen(node) && node.state !== 'left';
}

import { catchError, concat, defer, EMPTY, filter, ignoreElements, mergeMap, type Observable } from 'rxjs';
import type { BoundedStore } from '../blocks/bounded-store.js';
import type { KeyedQueue } from '../internal/keyed-queue.js';
import type { TrackedShard } from '../tracking/tracked-shard.js';
import { blockId } from '../values/block.js';
import { cleansUp, reportsFailure } from './stored-blocks.js';

/**
 * Deletes the blocks of a shard that its store has and no checkpoint names: their records are read again from Kinesis, and may form other
 * blocks. A block that is released stays as long as the written checkpoint names it, since it would be asked for after a crash.
 *
 * @remarks
 * Runs beside the puts, since a store may be slow to list its blocks and to delete them. A block that is put meanwhile stays, also when an
 * earlier run has left one with its id.
 */
export class ForgottenBlocks {
  readonly #store: BoundedStore;
  readonly #tracked: TrackedShard;
  readonly #turns: KeyedQueue;
  /** The blocks that stay; absent once the others are deleted. */
  #spared: Set<string> | undefined = new Set();

  /** @param turns - is closed when nobody waits for the deletes any more. */
  constructor(store: BoundedStore, tracked: TrackedShard, turns: KeyedQueue) {
    this.#store = store;
    this.#tracked = tracked;
    this.#turns = turns;
  }

  /**
   * Deletes all blocks but the `known` ones, those that the written checkpoints name, and those that are put; none before the shard's
   * checkpoint is read. Failures are reported: they cost space in the store, but no data.
   */
  deleteAllBut(known: Iterable<string>): Observable<never> {
    return defer(() => {
      if (!this.#tracked.isOpened) return EMPTY;
      for (const id of known) this.#spared?.add(id);
      const { streamName, shardId } = this.#tracked.identity;
      const ownPrefix = `${streamName}/${shardId}/`;
      let count = 0;
      const deletes$ = concat(this.#checkpointed(), this.#listed()).pipe(
        cleansUp('list', [this.#tracked]),
        filter((id) => id.startsWith(ownPrefix)),
        mergeMap((id) => this.#turns.run(`lane ${count++ % MAX_DELETES_AT_ONCE}`, this.#delete(id))),
      );
      return concat(
        this.#reported(deletes$, 'list'),
        defer(() => ((this.#spared = undefined), EMPTY)),
      );
    });
  }

  /** Spares the block that `put` is about to store. The put waits for a delete of this block that is under way. */
  sparing<T>(id: string, put: Observable<T>): Observable<T> {
    return defer(() => {
      if (!this.#spared) return put;
      this.#spared.add(id);
      return this.#turns.run(`block ${id}`, put);
    });
  }

  /**
   * Writes a checkpoint where the written one names blocks that an earlier subscription has released, if it may: nobody else would delete them once the shard
   * has ended. Where that fails they stay.
   */
  #checkpointed(): Observable<never> {
    if (this.#writtenIds().every((id) => this.#spared?.has(id))) return EMPTY;
    return this.#tracked.checkpointer.write().pipe(
      ignoreElements(),
      catchError(() => EMPTY),
    );
  }

  #listed(): Observable<string> {
    return defer(() => {
      for (const id of this.#writtenIds()) this.#spared?.add(id);
      return this.#store.list();
    });
  }

  #writtenIds(): string[] {
    return (this.#tracked.checkpointer.written?.unreleased ?? []).map(blockId);
  }

  #delete(id: string): Observable<never> {
    const delete$ = this.#store.delete(id).pipe(cleansUp('delete', [this.#tracked]));
    return defer(() => (this.#spared?.has(id) ? EMPTY : this.#turns.run(`block ${id}`, this.#reported(delete$, 'delete', id))));
  }

  #reported<T>(call: Observable<T>, action: 'delete' | 'list', id?: string): Observable<T> {
    return call.pipe(
      reportsFailure(this.#tracked, action, id),
      catchError(() => EMPTY),
    );
  }
}

const MAX_DELETES_AT_ONCE = 8;
